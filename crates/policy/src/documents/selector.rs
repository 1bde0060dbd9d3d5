//! Label selectors: Kubernetes' `matchLabels` and `matchExpressions`.

use serde::{Deserialize, Serialize};

use crate::Labels;

use super::fields::closest;
use super::{Fields, Report};

/// All of its conditions must hold; without any it selects everybody.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LabelSelector {
    /// `matchLabels` as `In` with one value, then `matchExpressions`.
    pub expressions: Vec<Expression>,
}

/// One condition on one key.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Expression {
    /// The label's key.
    pub key: String,
    /// What is asked of it.
    pub operator: Operator,
    /// The values of `In` and `NotIn`.
    pub values: Vec<String>,
}

/// What a condition asks of a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Operator {
    /// It is there and has one of the values.
    In,
    /// It is not there, or has none of the values.
    NotIn,
    /// It is there.
    Exists,
    /// It is not there.
    DoesNotExist,
}

// === impl LabelSelector ===

impl LabelSelector {
    /// Whether labels meet every condition.
    #[must_use]
    pub fn matches(&self, labels: &Labels) -> bool {
        self.expressions
            .iter()
            .all(|expression| expression.matches(labels))
    }

    /// Whether it has no condition.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.expressions.is_empty()
    }
}

// === impl Expression ===

impl Expression {
    /// Whether labels meet it. A key that is absent is `NotIn` whatever values.
    #[must_use]
    pub fn matches(&self, labels: &Labels) -> bool {
        let value = labels.get(&self.key);
        match self.operator {
            Operator::In => value.is_some_and(|value| self.values.contains(value)),
            Operator::NotIn => !value.is_some_and(|value| self.values.contains(value)),
            Operator::Exists => value.is_some(),
            Operator::DoesNotExist => value.is_none(),
        }
    }
}

/// The selector in the field `name`; `None` if it is not written. Null selects everybody, as an empty one does.
pub(crate) fn read(
    report: &mut Report,
    fields: &mut Fields<'_>,
    name: &'static str,
) -> Option<LabelSelector> {
    let node = fields.nullable(name)?;
    if node.is_null() {
        return Some(LabelSelector::default());
    }
    let mut own = fields.fields(report, name)?;
    let mut selector = LabelSelector::default();
    if let Some(labels) = own.fields(report, "matchLabels") {
        for (key, value) in labels.pairs(report) {
            selector.expressions.push(Expression {
                key,
                operator: Operator::In,
                values: vec![value],
            });
        }
    }
    for node in own.list(report, "matchExpressions").unwrap_or_default() {
        if let Some(fields) = Fields::open(report, node, "an expression") {
            selector.expressions.extend(expression(report, fields));
        }
    }
    own.close_selector(report);
    Some(selector)
}

fn operator(report: &mut Report, fields: &Fields<'_>, word: &str) -> Option<Operator> {
    const OPERATORS: [(&str, Operator); 4] = [
        ("In", Operator::In),
        ("NotIn", Operator::NotIn),
        ("Exists", Operator::Exists),
        ("DoesNotExist", Operator::DoesNotExist),
    ];
    let known = OPERATORS.iter().find(|(name, _)| *name == word);
    if known.is_none() {
        let hint = closest(word, &OPERATORS.map(|(name, _)| name)).map_or_else(
            || "operators are In, NotIn, Exists and DoesNotExist".to_owned(),
            |near| format!("did you mean `{near}`?"),
        );
        let at = fields.value_place("operator");
        report.at(at, format!("`{word}` is no operator"), hint);
    }
    known.map(|(_, operator)| *operator)
}

fn expression(report: &mut Report, mut fields: Fields<'_>) -> Option<Expression> {
    let key = fields.text(report, "key");
    let word = fields.text(report, "operator");
    let values = fields.texts(report, "values");
    if key.is_none() {
        report.missing(&fields, "key", "write `key:` and a label's key");
    }
    let Some(word) = word else {
        report.missing(
            &fields,
            "operator",
            "write `operator: In`, NotIn, Exists or DoesNotExist",
        );
        fields.close(report);
        return None;
    };
    let Some(operator) = operator(report, &fields, &word) else {
        fields.close(report);
        return None;
    };
    let values: Vec<String> = values
        .unwrap_or_default()
        .into_iter()
        .map(|(value, _)| value)
        .collect();
    let needs_values = matches!(operator, Operator::In | Operator::NotIn);
    if needs_values && values.is_empty() {
        report.missing(
            &fields,
            "values",
            &format!("{word} compares with a list: `values: [a, b]`"),
        );
    } else if !needs_values && !values.is_empty() {
        report.at(
            fields.value_place("values"),
            format!("{word} takes no values"),
            "leave out `values`, or write In or NotIn",
        );
    }
    fields.close(report);
    Some(Expression {
        key: key?,
        operator,
        values,
    })
}

// === impl Fields ===

impl Fields<'_> {
    /// The labels of a mapping.
    pub(crate) fn pairs(&self, report: &mut Report) -> Vec<(String, String)> {
        let mut pairs = Vec::new();
        for entry in self.entries() {
            match entry.node.string() {
                Some(value) => pairs.push((entry.key.clone(), value.to_owned())),
                None => report.at(
                    entry.node.at,
                    format!("the value of label `{}` is {}", entry.key, entry.node.kind()),
                    "labels are text: write it in quotes",
                ),
            }
        }
        pairs
    }

    /// A label that stands where `matchLabels` belongs is the commonest mistake.
    fn close_selector(self, report: &mut Report) {
        let unknown = self.entries().iter().find(|entry| {
            !matches!(entry.key.as_str(), "matchLabels" | "matchExpressions")
                && closest(&entry.key, &["matchLabels", "matchExpressions"]).is_none()
        });
        match unknown.and_then(|entry| Some((entry, entry.node.string()?))) {
            Some((entry, value)) => report.at(
                entry.at,
                format!("`{}` is no field of a selector", entry.key),
                format!(
                    "to select by this label write `matchLabels: {{{}: {value}}}`",
                    entry.key
                ),
            ),
            None => self.close(report),
        }
    }
}
