//! Budgets, names, module docs and unsafe code of a Rust file.

use std::path::Path;

use proc_macro2::Ident;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Attribute, Block};

use super::{Finding, words};

const FILE_LINES: usize = 400;
const FILE_LINES_LIMIT: usize = 700;
const FUNCTION_LINES: usize = 50;
const DOC_LINES: usize = 6;
/// A SAFETY comment stands at most this many lines above its block.
const SAFETY_LINES: usize = 8;
/// The data plane; and the program that attacks, because attacks are made of system calls that no library wraps.
const MAY_BE_UNSAFE: [&str; 2] = ["crates/datapath", "tests/attack"];

pub(super) fn check(file: &Path, text: &str, excepted: bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    let is_test = is_test(file);
    check_length(file, text.lines().count(), is_test, excepted, &mut findings);
    check_doc(file, text, &mut findings);
    if let Some(word) = file
        .file_name()
        .and_then(|n| words::empty_word(&n.to_string_lossy()))
    {
        findings.push(Finding::new(
            file,
            0,
            format!("the file's name says `{word}`, not what it does"),
        ));
    }
    match syn::parse_file(text) {
        Ok(tree) => {
            let lines = text.lines().collect();
            let mut visitor = Items {
                file,
                lines,
                is_test,
                findings,
            };
            visitor.visit_file(&tree);
            visitor.findings
        }
        Err(error) => {
            findings.push(Finding::new(
                file,
                error.span().start().line,
                format!("does not parse: {error}"),
            ));
            findings
        }
    }
}

/// Unit tests in `foo/tests.rs`, integration tests in `tests/`.
fn is_test(file: &Path) -> bool {
    file.file_name().is_some_and(|n| n == "tests.rs")
        || file
            .parent()
            .is_some_and(|p| p.iter().skip(1).any(|part| part == "tests"))
}

fn check_length(file: &Path, lines: usize, is_test: bool, excepted: bool, findings: &mut Vec<Finding>) {
    let budget = if is_test || excepted {
        FILE_LINES_LIMIT
    } else {
        FILE_LINES
    };
    if lines > budget {
        let what = format!("{lines} lines; the budget is {FILE_LINES}, the limit {FILE_LINES_LIMIT}");
        findings.push(Finding::new(file, 0, what));
    }
}

fn check_doc(file: &Path, text: &str, findings: &mut Vec<Finding>) {
    if file.file_name().is_some_and(|n| n == "tests.rs") {
        return; // its module's doc speaks for it
    }
    match text.lines().take_while(|l| l.starts_with("//!")).count() {
        0 => findings.push(Finding::new(file, 1, "starts without a module doc")),
        n if n > DOC_LINES => {
            findings.push(Finding::new(
                file,
                1,
                format!("a module doc of {n} lines; {DOC_LINES} at most"),
            ));
        }
        _ => {}
    }
}

struct Items<'a> {
    file: &'a Path,
    lines: Vec<&'a str>,
    is_test: bool,
    findings: Vec<Finding>,
}

// === impl Items ===

impl Items<'_> {
    fn name(&mut self, ident: &Ident) {
        if let Some(word) = words::empty_word(&ident.to_string()) {
            let what = format!("`{ident}` says `{word}`, not what it does");
            self.findings
                .push(Finding::new(self.file, ident.span().start().line, what));
        }
    }

    fn function(&mut self, ident: &Ident, block: &Block) {
        self.name(ident);
        let lines = block.span().end().line - ident.span().start().line + 1;
        if lines > FUNCTION_LINES && !self.is_test {
            let what = format!("`{ident}` has {lines} lines; the budget is {FUNCTION_LINES}");
            self.findings
                .push(Finding::new(self.file, ident.span().start().line, what));
        }
    }

    fn needs_safety_comment(&mut self, line: usize, what: &str) {
        if !MAY_BE_UNSAFE.iter().any(|folder| self.file.starts_with(folder)) {
            self.findings.push(Finding::new(
                self.file,
                line,
                format!("{what} outside {}", MAY_BE_UNSAFE.join(" and ")),
            ));
            return;
        }
        let above = &self.lines[line.saturating_sub(SAFETY_LINES)..line];
        if !above.iter().any(|l| l.contains("SAFETY:")) {
            self.findings.push(Finding::new(
                self.file,
                line,
                format!("{what} without a SAFETY comment"),
            ));
        }
    }
}

fn is_cfg_test(attributes: &[Attribute]) -> bool {
    attributes
        .iter()
        .any(|a| a.path().is_ident("cfg") && a.parse_args::<syn::Path>().is_ok_and(|p| p.is_ident("test")))
}

impl<'ast> Visit<'ast> for Items<'_> {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        self.name(&item.ident);
        let outer = self.is_test;
        self.is_test |= is_cfg_test(&item.attrs);
        visit::visit_item_mod(self, item);
        self.is_test = outer;
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.function(&item.sig.ident, &item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.function(&item.sig.ident, &item.block);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_item_struct(&mut self, item: &'ast syn::ItemStruct) {
        self.name(&item.ident);
        visit::visit_item_struct(self, item);
    }

    fn visit_item_enum(&mut self, item: &'ast syn::ItemEnum) {
        self.name(&item.ident);
        visit::visit_item_enum(self, item);
    }

    fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
        self.name(&item.ident);
        visit::visit_item_trait(self, item);
    }

    fn visit_item_type(&mut self, item: &'ast syn::ItemType) {
        self.name(&item.ident);
        visit::visit_item_type(self, item);
    }

    fn visit_expr_unsafe(&mut self, expr: &'ast syn::ExprUnsafe) {
        self.needs_safety_comment(expr.unsafe_token.span.start().line, "unsafe block");
        visit::visit_expr_unsafe(self, expr);
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        if let Some(token) = &item.unsafety {
            self.needs_safety_comment(token.span.start().line, "unsafe impl");
        }
        visit::visit_item_impl(self, item);
    }
}
