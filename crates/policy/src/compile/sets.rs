//! Selectors resolved to identities, by indexes over labels and namespaces instead of a walk over all.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use rustc_hash::FxHashMap;

use crate::clauses::{Index, selects, selects_namespace};
use crate::documents::{LabelSelector, Operator, Scope, Selection};
use crate::{Identity, Labels, Peer};

/// Places in `World::identities`, ascending.
pub(crate) type Places = Rc<[usize]>;

/// The index. Each distinct selection is resolved once.
pub(crate) struct Sets<'i, 'w> {
    index: &'i Index<'w>,
    pub(crate) all: &'w [Identity],
    in_namespace: FxHashMap<&'w str, Vec<usize>>,
    carrying: FxHashMap<(&'w str, &'w str), Vec<usize>>,
    same: FxHashMap<(&'w str, &'w Labels), Vec<usize>>,
    naming: FxHashMap<&'w str, Vec<usize>>,
    namespaces: Vec<&'w str>,
    matching_namespaces: RefCell<FxHashMap<LabelSelector, Rc<[&'w str]>>>,
    selected: RefCell<FxHashMap<Selection, Places>>,
}

// === impl Sets ===

impl<'i, 'w> Sets<'i, 'w> {
    pub(crate) fn new(index: &'i Index<'w>) -> Self {
        let all = &index.world.identities;
        let mut sets = Self {
            index,
            all,
            in_namespace: FxHashMap::default(),
            carrying: FxHashMap::default(),
            same: FxHashMap::default(),
            naming: FxHashMap::default(),
            namespaces: Vec::new(),
            matching_namespaces: RefCell::default(),
            selected: RefCell::default(),
        };
        for (place, identity) in all.iter().enumerate() {
            let namespace = identity.namespace.as_str();
            sets.in_namespace.entry(namespace).or_default().push(place);
            if !identity.identity_labels.is_empty() {
                let key = (namespace, identity.identity_labels.as_ref());
                sets.same.entry(key).or_default().push(place);
            }
            for (key, value) in identity.labels.as_ref() {
                sets.carrying.entry((key, value)).or_default().push(place);
            }
            let names: BTreeSet<&str> = identity
                .named_ports
                .iter()
                .map(|port| port.name.as_str())
                .collect();
            for name in names {
                sets.naming.entry(name).or_default().push(place);
            }
        }
        sets.namespaces = sets.in_namespace.keys().copied().collect();
        sets
    }

    /// The identities of a selection.
    pub(crate) fn selected(&self, selection: &Selection) -> Places {
        if let Some(known) = self.selected.borrow().get(selection) {
            return Rc::clone(known);
        }
        let found = self.select(selection);
        self.selected
            .borrow_mut()
            .insert(selection.clone(), Rc::clone(&found));
        found
    }

    /// Those with the same labels, the subject itself included.
    pub(crate) fn same<'s>(&'s self, own: &'s Identity) -> &'s [usize] {
        let key = (own.namespace.as_str(), own.identity_labels.as_ref());
        self.same.get(&key).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn in_namespace(&self, name: &str) -> &[usize] {
        self.in_namespace.get(name).map_or(&[], Vec::as_slice)
    }

    /// Those of a namespace that carry all these labels.
    pub(crate) fn carrying(&self, namespace: &str, wanted: &Labels) -> Vec<usize> {
        let inside = self.in_namespace(namespace);
        let narrowest = wanted
            .iter()
            .map(|(key, value)| self.with(key, value))
            .chain([inside])
            .min_by_key(|places| places.len());
        let carries = |place: &&usize| {
            let identity = &self.all[**place];
            identity.namespace == namespace
                && wanted
                    .iter()
                    .all(|(key, value)| identity.labels.get(key) == Some(value))
        };
        narrowest
            .unwrap_or_default()
            .iter()
            .filter(carries)
            .copied()
            .collect()
    }

    /// Those that gave a port this name.
    pub(crate) fn naming(&self, name: &str) -> &[usize] {
        self.naming.get(name).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn number(&self, place: usize) -> Peer {
        self.all[place].number
    }

    fn with<'s>(&'s self, key: &'s str, value: &'s str) -> &'s [usize] {
        self.carrying.get(&(key, value)).map_or(&[], Vec::as_slice)
    }

    fn select(&self, selection: &Selection) -> Places {
        let namespaces = self.scope(&selection.namespaces);
        let inside: usize = namespaces.iter().map(|name| self.in_namespace(name).len()).sum();
        let labelled = selection
            .pods
            .expressions
            .iter()
            .filter(|one| one.operator == Operator::In);
        let labelled = labelled.map(|one| {
            let places: BTreeSet<usize> = one
                .values
                .iter()
                .flat_map(|value| self.with(&one.key, value))
                .copied()
                .collect();
            places
        });
        let narrowest = labelled
            .min_by_key(BTreeSet::len)
            .filter(|places| places.len() < inside);
        let candidates: Vec<usize> = match narrowest {
            Some(places) => places.into_iter().collect(),
            None => {
                let mut places: Vec<usize> = namespaces
                    .iter()
                    .flat_map(|name| self.in_namespace(name))
                    .copied()
                    .collect();
                places.sort_unstable();
                places
            }
        };
        let matches = |place: &usize| {
            let identity = &self.all[*place];
            selects(
                selection,
                &identity.namespace,
                self.index.namespace(&identity.namespace),
                &identity.labels,
            )
        };
        candidates.into_iter().filter(matches).collect()
    }

    /// The namespaces of a scope in which somebody is.
    fn scope(&self, scope: &Scope) -> Rc<[&'w str]> {
        let matching = |scope: &Scope| -> Rc<[&'w str]> {
            let names = self.namespaces.iter().copied();
            names
                .filter(|name| selects_namespace(scope, name, self.index.namespace(name)))
                .collect()
        };
        match scope {
            Scope::Named(wanted) => self
                .in_namespace
                .get_key_value(wanted.as_str())
                .map(|(name, _)| *name)
                .into_iter()
                .collect(),
            Scope::Matching(selector) => {
                if let Some(known) = self.matching_namespaces.borrow().get(selector) {
                    return Rc::clone(known);
                }
                let found = matching(scope);
                self.matching_namespaces
                    .borrow_mut()
                    .insert(selector.clone(), Rc::clone(&found));
                found
            }
        }
    }
}
