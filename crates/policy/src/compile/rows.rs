//! The rows of one list of lines: one for every class, and one for each peer whose row differs from its class's.

use std::collections::{BTreeMap, HashMap};

use ipnet::IpNet;

use crate::clauses::Stage;
use crate::{Peer, PeerClass, Plane, PortRange, RowValue};

use super::lines::{Bodies, Body, Line};
use super::prefixes::Regions;
use super::tables::{Entry, Question, Tables};

/// A list's rows, sorted.
pub(crate) type Rows = Vec<(Peer, Plane, RowValue)>;

const STAGES: [Stage; 4] = [
    Stage::Admin,
    Stage::NetworkPolicy,
    Stage::Baseline,
    Stage::Default,
];

/// What rows are made of.
pub(crate) struct Maker<'m> {
    pub(crate) bodies: &'m Bodies,
    pub(crate) regions: &'m Regions,
    pub(crate) tables: &'m mut Tables,
}

/// Which lines are about a peer, and the ports that only that peer adds.
type Signature = Vec<(usize, Option<Vec<PortRange>>)>;

// === impl Maker ===

impl Maker<'_> {
    pub(crate) fn rows(&mut self, lines: &[Line]) -> Rows {
        let mut rows = Rows::new();
        let questions = self.questions(lines);
        let bodies = self.bodies;
        let body = |line: &Line| bodies.get(line.body);
        let about = |class| -> Vec<usize> {
            let with = lines
                .iter()
                .enumerate()
                .filter(|(_, line)| body(line).has_class(class));
            with.map(|(place, _)| place).collect()
        };
        let outside: Vec<(PeerClass, Vec<usize>)> = Body::outside().map(|class| (class, about(class))).into();
        let everybody = about(PeerClass::Workload);
        let mut classes = HashMap::new();
        for (class, places) in &outside {
            let row = self.row(lines, &signature(places), &Question::Final);
            classes.insert(*class, row);
            rows.extend(row.map(|row| (class.peer(), Plane::FIRST, row)));
        }
        let workload = PeerClass::Workload;
        let implied = self.answers(lines, &signature(&everybody), &questions);
        rows.extend(
            implied
                .iter()
                .filter_map(|(plane, row)| Some((workload.peer(), *plane, (*row)?))),
        );
        self.special(lines, &everybody, &questions, &implied, &mut rows);
        self.addresses(lines, &outside, &classes, &mut rows);
        self.beside(lines, &questions, &mut rows);
        rows.sort_by_key(|(peer, plane, _)| (*peer, *plane));
        rows
    }

    /// What is asked about protected peers: once, unless rules are about their addresses.
    fn questions(&self, lines: &[Line]) -> Vec<(Plane, Question)> {
        if !lines.iter().any(|line| self.bodies.get(line.body).beside) {
            return vec![(Plane::FIRST, Question::Final)];
        }
        let observed = lines.iter().any(|line| line.observe);
        let mut questions = Vec::new();
        for stage in STAGES {
            let plane = stage as u8;
            let asked = Question::Stage {
                stage,
                observed: false,
                asks_observed: observed,
            };
            questions.push((Plane(plane), asked));
            if observed {
                let asked = Question::Stage {
                    stage,
                    observed: true,
                    asks_observed: false,
                };
                questions.push((Plane(plane | Plane::OBSERVED), asked));
            }
        }
        questions
    }

    fn answers(
        &mut self,
        lines: &[Line],
        signature: &Signature,
        questions: &[(Plane, Question)],
    ) -> Vec<(Plane, Option<RowValue>)> {
        questions
            .iter()
            .map(|(plane, question)| (*plane, self.row(lines, signature, question)))
            .collect()
    }

    /// Identities that some line tells from other workloads.
    fn special(
        &mut self,
        lines: &[Line],
        everybody: &[usize],
        questions: &[(Plane, Question)],
        implied: &[(Plane, Option<RowValue>)],
        rows: &mut Rows,
    ) {
        let mut special: BTreeMap<Peer, Vec<usize>> = BTreeMap::new();
        for (place, line) in lines.iter().enumerate() {
            let body = self.bodies.get(line.body);
            for member in &body.members {
                special.entry(*member).or_default().push(place);
            }
            for (peer, _) in &body.named {
                special.entry(*peer).or_default();
            }
        }
        let mut known: HashMap<Signature, Vec<(Plane, Option<RowValue>)>> = HashMap::new();
        for (peer, mut places) in special {
            places.extend(everybody);
            places.sort_unstable();
            places.dedup();
            let bodies = self.bodies;
            let with_ports = |place: &usize| {
                let body = bodies.get(lines[*place].body);
                let ports = if body.named.is_empty() {
                    None
                } else {
                    body.ports_at(Some(peer))
                };
                (*place, ports)
            };
            let signature: Signature = places.iter().map(with_ports).collect();
            if !known.contains_key(&signature) {
                let answers = self.answers(lines, &signature, questions);
                known.insert(signature.clone(), answers);
            }
            let answers = known[&signature].iter().zip(implied);
            let differing = answers.filter(|(answer, implied)| answer.1 != implied.1);
            rows.extend(differing.filter_map(|((plane, row), _)| Some((peer, *plane, (*row)?))));
        }
    }

    /// Unprotected peers by address.
    fn addresses(
        &mut self,
        lines: &[Line],
        outside: &[(PeerClass, Vec<usize>)],
        classes: &HashMap<PeerClass, Option<RowValue>>,
        rows: &mut Rows,
    ) {
        let (bodies, regions) = (self.bodies, self.regions);
        for region in regions.named_by(self.nets(lines, false)) {
            let by_class = outside.iter().find(|(class, _)| *class == region.class);
            let by_class = by_class.map_or(&[][..], |(_, places)| places);
            let inside = |place: &usize| {
                by_class.contains(place) || bodies.get(lines[*place].body).has_region(&region.chain)
            };
            let places: Vec<usize> = (0..lines.len()).filter(inside).collect();
            let row = self.row(lines, &signature(&places), &Question::Final);
            if Some(&row) != classes.get(&region.class) {
                rows.extend(row.map(|row| (region.number, Plane::FIRST, row)));
            }
        }
    }

    /// Protected peers by address: what the rules about addresses alone say.
    fn beside(&mut self, lines: &[Line], questions: &[(Plane, Question)], rows: &mut Rows) {
        let (bodies, regions) = (self.bodies, self.regions);
        for region in regions.named_by(self.nets(lines, true)) {
            let about = |place: &usize| {
                let body = bodies.get(lines[*place].body);
                body.beside && body.has_region(&region.chain)
            };
            let places: Vec<usize> = (0..lines.len()).filter(about).collect();
            for (plane, question) in questions {
                let of_stage = |place: &&usize| question.stage() == Some(lines[**place].stage);
                if places.iter().any(|place| of_stage(&place)) {
                    let row = self.row(lines, &signature(&places), question);
                    let plane = Plane(plane.0 | Plane::BESIDE);
                    rows.extend(row.map(|row| (region.number, plane, row)));
                }
            }
        }
    }

    fn nets(&self, lines: &[Line], beside_only: bool) -> Vec<IpNet> {
        let bodies = lines.iter().map(|line| self.bodies.get(line.body));
        let bodies = bodies.filter(|body| body.beside || !beside_only);
        bodies
            .flat_map(|body| &body.nets)
            .map(|peer| crate::classes::canonical(peer.net))
            .collect()
    }

    fn row(&mut self, lines: &[Line], signature: &Signature, question: &Question) -> Option<RowValue> {
        let entries: Vec<Entry<'_>> = signature
            .iter()
            .map(|(place, ports)| {
                let line = &lines[*place];
                Entry {
                    line,
                    // Lists that are longer are refused.
                    priority: u16::try_from(*place).unwrap_or(u16::MAX),
                    ports: ports.as_deref().or(self.bodies.get(line.body).ports.as_deref()),
                }
            })
            .collect();
        self.tables.row(&entries, question)
    }
}

fn signature(places: &[usize]) -> Signature {
    places.iter().map(|place| (*place, None)).collect()
}
