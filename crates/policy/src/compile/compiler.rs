//! A compilation that remembers: lists of rules that are as they were keep their rows.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::rc::Rc;

use ipnet::IpNet;

use crate::clauses::{Clause, Index};
use crate::documents::Document;
use crate::rules::Rules;
use crate::{Compiled, Direction, Effect, Peer, PeerClass, RowKey, RuleText, Subject, World};

use super::lines::{Bodies, Line, Resolver};
use super::prefixes::Regions;
use super::room::Shares;
use super::rows::{Maker, Rows};
use super::sets::Sets;
use super::tables::Tables;
use super::{CompileError, check, named_prefixes};

/// Compiles one world after the other.
///
/// What a subject's rows depend on is boiled down to a list of numbers (which peers, which ports, which rule); the rows of
/// a list are made once. So after a change only those subjects cost more than a look whose rules, or the peers of whose
/// rules, have changed.
#[derive(Default)]
pub struct Compiler {
    bodies: Bodies,
    tables: Tables,
    /// By list, and for lists with prefixes, by what the prefixes were.
    known: HashMap<(Vec<Line>, u64), Rc<Rows>>,
    prefixes: (Vec<(IpNet, PeerClass)>, BTreeSet<IpNet>),
    epoch: u64,
    made: usize,
}

const DIRECTIONS: [Direction; 2] = [Direction::Ingress, Direction::Egress];
/// Bodies that no list has any more are forgotten when there are so many more than lists.
const SLACK: usize = 4096;

/// The clauses of a subject, one list for each direction.
type Lists<'w> = Vec<(&'w Subject, [Vec<Clause<'w>>; 2])>;

// === impl Compiler ===

impl Compiler {
    /// Compiles a world. `previous_rules` are the `rules` of the last [`Compiled`], and keep their numbers.
    ///
    /// # Errors
    /// [`CompileError`] names the first inconsistency of the world, or what is too big.
    pub fn compile(&mut self, world: &World, previous_rules: &[RuleText]) -> Result<Compiled, CompileError> {
        check(world)?;
        let index = Index::new(world);
        let named = named_prefixes(world);
        let regions = Regions::new(&index.classes, &named);
        self.note_prefixes(&index, named);
        let sets = Sets::new(&index);
        let lists = lists(&index, &sets)?;
        let rules = Rules::numbered(&index, made_texts(&lists), previous_rules);
        let mut known = std::mem::take(&mut self.known);
        if self.bodies.len() > SLACK + 16 * known.len() {
            self.bodies = Bodies::default();
            known.clear();
        }
        let mut resolver = Resolver::new(&sets, &mut self.bodies);
        let mut lines = Vec::with_capacity(lists.len() * 2);
        for (subject, clauses) in &lists {
            let own = index.subject(subject.number).map(|(_, own)| own);
            for ((clauses, direction), own) in clauses.iter().zip(DIRECTIONS).zip(own.into_iter().cycle()) {
                let line = |clause: &Clause<'_>| Line {
                    body: resolver.body(clause, own, direction),
                    rule: rules.number(&clause.rule),
                    effect: clause.effect,
                    stage: clause.stage,
                    observe: clause.observe,
                };
                lines.push((
                    subject.number,
                    direction,
                    clauses.iter().map(line).collect::<Vec<Line>>(),
                ));
            }
        }
        let mut shares = Shares::default();
        let rows = self.rows(lines, known, &regions, &mut shares);
        let used: HashSet<u32> = rows.iter().map(|(_, row)| row.table).collect();
        self.tables.retain(&used);
        let kept = lists.iter().flat_map(|(_, clauses)| clauses).flatten();
        let kept = kept.filter(|clause| clause.keep && clause.effect == Effect::Deny);
        let kept = kept.map(|clause| rules.number(&clause.rule)).collect();
        let compiled = Compiled {
            kept,
            rows: rows.into_iter().collect(),
            ports: self.tables.blocks(&used),
            prefixes: regions.values(),
            rules: rules.into_texts(),
        };
        shares.check(&compiled)?;
        Ok(compiled)
    }

    /// How many lists the last compilation made rows for; the others were as before.
    #[must_use]
    pub fn made(&self) -> usize {
        self.made
    }

    fn note_prefixes(&mut self, index: &Index<'_>, named: BTreeSet<IpNet>) {
        let classes = index.classes.iter().map(|(net, class)| (*net, *class)).collect();
        let now = (classes, named);
        if self.prefixes != now {
            self.prefixes = now;
            self.epoch += 1;
        }
    }

    /// The rows of all lists; those that are known already are taken over.
    fn rows(
        &mut self,
        lists: Vec<(u32, Direction, Vec<Line>)>,
        mut known: HashMap<(Vec<Line>, u64), Rc<Rows>>,
        regions: &Regions,
        shares: &mut Shares,
    ) -> Vec<(RowKey, crate::RowValue)> {
        self.made = 0;
        let mut all = Vec::new();
        for (subject, direction, lines) in lists {
            let widest = lines.iter().max_by_key(|line| {
                let body = self.bodies.get(line.body);
                body.members.len() + body.nets.len()
            });
            let rule = widest.map_or(0, |line| line.rule);
            let has_nets = lines
                .iter()
                .any(|line| !self.bodies.get(line.body).nets.is_empty());
            let key = (lines, if has_nets { self.epoch } else { 0 });
            let rows = match self.known.get(&key) {
                Some(rows) => Rc::clone(rows),
                None => {
                    let rows = known.remove(&key).unwrap_or_else(|| {
                        self.made += 1;
                        let mut maker = Maker {
                            bodies: &self.bodies,
                            regions,
                            tables: &mut self.tables,
                        };
                        Rc::new(maker.rows(&key.0))
                    });
                    self.known.insert(key, Rc::clone(&rows));
                    rows
                }
            };
            shares.add(rule, rows.len());
            all.extend(
                rows.iter()
                    .map(|(peer, plane, row)| (row_key(subject, direction, *peer, *plane), *row)),
            );
        }
        all
    }
}

fn row_key(subject: u32, direction: Direction, peer: Peer, plane: crate::Plane) -> RowKey {
    RowKey {
        subject,
        peer,
        direction,
        plane,
    }
}

/// The clauses of every subject. Which documents select whom is asked of the documents, not of the subjects: most
/// documents select few.
fn lists<'w>(index: &Index<'w>, sets: &Sets<'_, 'w>) -> Result<Lists<'w>, CompileError> {
    let mut selecting: HashMap<Peer, Vec<&'w Document>> = HashMap::new();
    for document in &index.documents {
        for place in sets.selected(&document.subject).iter() {
            selecting.entry(sets.number(*place)).or_default().push(document);
        }
    }
    let mut lists = Vec::with_capacity(index.world.subjects.len());
    for subject in &index.world.subjects {
        let selected = selecting.get(&subject.identity).map_or(&[][..], Vec::as_slice);
        let clauses = DIRECTIONS.map(|direction| index.clauses_of(subject, selected, direction));
        for (clauses, direction) in clauses.iter().zip(DIRECTIONS) {
            // The last place stands for "no rule".
            if clauses.len() >= usize::from(u16::MAX) {
                let who = index
                    .subject(subject.number)
                    .map(|(_, own)| crate::suggest::who(own));
                return Err(CompileError::TooManyRules {
                    who: who.unwrap_or_default(),
                    direction,
                    count: clauses.len(),
                });
            }
        }
        lists.push((subject, clauses));
    }
    Ok(lists)
}

/// The texts of rules that stand in no document.
fn made_texts(lists: &Lists<'_>) -> BTreeSet<RuleText> {
    let clauses = lists.iter().flat_map(|(_, clauses)| clauses).flatten();
    clauses
        .filter_map(|clause| match &clause.rule {
            std::borrow::Cow::Owned(text) => Some(text.clone()),
            std::borrow::Cow::Borrowed(_) => None,
        })
        .collect()
}
