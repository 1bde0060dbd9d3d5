//! A compilation that remembers: lists of rules that are as they were keep their rows.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::rc::Rc;

use ipnet::IpNet;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::clauses::{Clause, Index};
use crate::documents::Document;
use crate::rules::Rules;
use crate::{
    Compiled, DefaultProfile, Direction, Effect, Opening, Peer, PeerClass, RowKey, RowValue, RuleText,
    Subject, World,
};

use super::lines::{Bodies, Line, Resolver, differs};
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
    known: Known,
    prefixes: (Vec<(IpNet, PeerClass)>, BTreeSet<IpNet>),
    rules: Option<Rules>,
    epoch: u64,
    made: usize,
}

const DIRECTIONS: [Direction; 2] = [Direction::Ingress, Direction::Egress];
/// Bodies that no list has any more are forgotten when there are so many more than lists.
const SLACK: usize = 4096;

/// The rows of each list.
type Known = FxHashMap<(Rc<[Line]>, u64), Rc<Rows>>;

/// The clauses of a subject, one list for each direction. Subjects that are alike share them.
type Lists<'w> = Vec<(&'w Subject, Rc<[Vec<Clause<'w>>; 2]>)>;
/// All that clauses depend on.
type Alike<'w> = (Option<DefaultProfile>, &'w [Opening], Vec<*const Document>);

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
        let last = self.rules.take();
        let rules = Rules::numbered(&index, &made_texts(&lists), previous_rules, last);
        let mut known = std::mem::take(&mut self.known);
        if self.bodies.len() > SLACK + 16 * known.len() {
            self.bodies = Bodies::default();
            known.clear();
        }
        let lines = self.lines(&index, &sets, &rules, &lists);
        let mut shares = Shares::default();
        let (rows, used) = self.rows(lines, known, &regions, &mut shares);
        self.tables.retain(&used);
        let mut kinds: Vec<_> = lists.iter().map(|(_, clauses)| clauses).collect();
        kinds.dedup_by(|one, other| Rc::ptr_eq(one, other));
        let kept = kinds.iter().flat_map(|clauses| clauses.iter()).flatten();
        let kept = kept.filter(|clause| clause.keep && clause.effect == Effect::Deny);
        let kept = kept.map(|clause| rules.number(&clause.rule)).collect();
        let compiled = Compiled {
            kept,
            rows: rows.into_iter().collect(),
            ports: self.tables.blocks(&used),
            prefixes: regions.values(),
            rules: rules.texts().to_vec(),
        };
        self.rules = Some(rules);
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

    /// The lists of all subjects in numbers. Where no line depends on who the subject is, those that share clauses share
    /// the list.
    fn lines(
        &mut self,
        index: &Index<'_>,
        sets: &Sets<'_, '_>,
        rules: &Rules,
        lists: &Lists<'_>,
    ) -> Vec<(u32, [Rc<[Line]>; 2])> {
        let mut resolver = Resolver::new(sets, &mut self.bodies);
        // By address: a text is longer than its place, and each is in many lists.
        let mut numbers: FxHashMap<*const RuleText, u32> = FxHashMap::default();
        let mut number = |text: &Cow<'_, RuleText>| match text {
            Cow::Borrowed(text) => *numbers.entry(*text).or_insert_with(|| rules.number(text)),
            Cow::Owned(text) => rules.number(text),
        };
        let mut shared: FxHashMap<*const Vec<Clause<'_>>, Rc<[Line]>> = FxHashMap::default();
        let mut all = Vec::with_capacity(lists.len());
        for (subject, clauses) in lists {
            let Some((_, own)) = index.subject(subject.number) else {
                continue;
            };
            let [ingress, egress] = clauses.as_ref();
            let both = [(ingress, Direction::Ingress), (egress, Direction::Egress)];
            let lines = both.map(|(clauses, direction)| {
                if let Some(lines) = shared.get(&std::ptr::from_ref(clauses)) {
                    return Rc::clone(lines);
                }
                let line = |clause: &Clause<'_>| Line {
                    body: resolver.body(clause, own, direction),
                    rule: number(&clause.rule),
                    effect: clause.effect,
                    stage: clause.stage,
                    observe: clause.observe,
                };
                let lines: Rc<[Line]> = clauses.iter().map(line).collect();
                if !clauses.iter().any(|clause| differs(clause, direction)) {
                    shared.insert(clauses, Rc::clone(&lines));
                }
                lines
            });
            all.push((subject.number, lines));
        }
        all
    }

    /// The rows of all lists, sorted, and the tables that they name; lists that are known already are taken over.
    fn rows(
        &mut self,
        lists: Vec<(u32, [Rc<[Line]>; 2])>,
        mut known: Known,
        regions: &Regions,
        shares: &mut Shares,
    ) -> (Vec<(RowKey, RowValue)>, FxHashSet<u32>) {
        self.made = 0;
        let mut all = Vec::new();
        let mut used = FxHashSet::default();
        let mut seen: FxHashMap<*const [Line], (u32, Rc<Rows>)> = FxHashMap::default();
        for (subject, lists) in lists {
            let rows = lists.map(|lines| {
                let place = Rc::as_ptr(&lines);
                let (rule, rows) = seen.entry(place).or_insert_with(|| {
                    let found = self.list(lines, &mut known, regions);
                    used.extend(found.1.iter().map(|(_, _, row)| row.table));
                    found
                });
                shares.add(*rule, rows.len());
                Rc::clone(rows)
            });
            merge(subject, &rows, &mut all);
        }
        (all, used)
    }

    /// The rows of one list, and the rule to which most of them are due.
    fn list(&mut self, lines: Rc<[Line]>, known: &mut Known, regions: &Regions) -> (u32, Rc<Rows>) {
        let widest = lines.iter().max_by_key(|line| {
            let body = self.bodies.get(line.body);
            body.members.len() + body.nets.len()
        });
        let rule = widest.map_or(0, |line| line.rule);
        let has_nets = lines
            .iter()
            .any(|line| !self.bodies.get(line.body).nets.is_empty());
        let key = (lines, if has_nets { self.epoch } else { 0 });
        if let Some(rows) = self.known.get(&key) {
            return (rule, Rc::clone(rows));
        }
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
        (rule, rows)
    }
}

/// Adds the rows of a subject in both directions, by peer, so that there is nothing left to sort.
fn merge(subject: u32, rows: &[Rc<Rows>; 2], all: &mut Vec<(RowKey, RowValue)>) {
    let mut rows = rows.each_ref().map(|rows| rows.iter().peekable());
    loop {
        let peers = rows.iter_mut().filter_map(|rows| rows.peek());
        let Some(least) = peers.map(|(peer, ..)| *peer).min() else {
            return;
        };
        for (rows, direction) in rows.iter_mut().zip(DIRECTIONS) {
            while let Some((peer, plane, row)) = rows.next_if(|(peer, ..)| *peer == least) {
                all.push((row_key(subject, direction, *peer, *plane), *row));
            }
        }
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
    let mut selecting: FxHashMap<Peer, Vec<&'w Document>> = FxHashMap::default();
    for document in &index.documents {
        for place in sets.selected(&document.subject).iter() {
            selecting.entry(sets.number(*place)).or_default().push(document);
        }
    }
    let mut lists = Vec::with_capacity(index.world.subjects.len());
    let mut alike: FxHashMap<Alike<'w>, Rc<[Vec<Clause<'w>>; 2]>> = FxHashMap::default();
    for subject in &index.world.subjects {
        let selected = selecting.get(&subject.identity).map_or(&[][..], Vec::as_slice);
        let documents = selected.iter().map(|document| std::ptr::from_ref(*document));
        let key = (subject.profile, subject.openings.as_slice(), documents.collect());
        if let Some(clauses) = alike.get(&key) {
            lists.push((subject, Rc::clone(clauses)));
            continue;
        }
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
        let clauses = Rc::new(clauses);
        alike.insert(key, Rc::clone(&clauses));
        lists.push((subject, clauses));
    }
    Ok(lists)
}

/// The texts of rules that stand in no document.
fn made_texts(lists: &Lists<'_>) -> BTreeSet<RuleText> {
    let mut seen = FxHashSet::default();
    let kinds = lists
        .iter()
        .filter(|(_, clauses)| seen.insert(Rc::as_ptr(clauses)));
    let clauses = kinds.flat_map(|(_, clauses)| clauses.iter()).flatten();
    clauses
        .filter_map(|clause| match &clause.rule {
            Cow::Owned(text) => Some(text.clone()),
            Cow::Borrowed(_) => None,
        })
        .collect()
}
