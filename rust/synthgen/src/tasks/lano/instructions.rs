//! The instructions of Lano.

use std::fmt::Write as _;

use super::Lano;
use crate::params::Span;
use crate::sampling::prose::counted;

/// The rules are told in the numbers that symbols have in the reference, since the prompt says nothing of them.
pub(super) fn text(task: &Lano) -> String {
    let grammar = &task.grammar;
    let root = grammar.symbol_id(0, 0);
    let mut rules = String::new();
    for (level, symbols) in grammar.levels().iter().enumerate() {
        for (symbol, choices) in symbols.iter().enumerate() {
            let spelled = |rule: &Vec<u8>| {
                let below = rule.iter().map(|&child| grammar.symbol_id(level + 1, child.into()).to_string());
                below.collect::<Vec<_>>().join(" ")
            };
            let choices: Vec<String> = choices.iter().map(spelled).collect();
            let _ = writeln!(rules, "{} -> {}", grammar.symbol_id(level, symbol), choices.join(" | "));
        }
    }
    let terminals = grammar.terminals();
    let these = if terminals == 1 { "the number 1".to_owned() } else { format!("the numbers 1 to {terminals}") };
    format!(
        "The prompt is empty. Write one string of the context-free grammar below. Symbols are numbers; {these} are \
         terminals, which stand in the string, and every other symbol must be replaced. Begin with the symbol {root}. \
         Replace each symbol by one of the alternatives that its rule gives after `->`, separated by `|`, keeping the \
         order from left to right, and go on with each symbol of the alternative until terminals alone are left. Each \
         symbol may be replaced in another way every time it occurs.\n{rules}Every string that can be made in this \
         way is right, whichever alternatives are chosen; it has {}. The answer is the terminals of one complete \
         string in order, separated by single spaces, on one line, and nothing else.",
        counted(Span::new(grammar.shortest() as u32, grammar.longest() as u32), "terminal", "terminals"),
    )
}
