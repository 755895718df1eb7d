//! The instructions of Mano.

use super::{Mano, NAMES};
use crate::sampling::prose::listed;

pub(super) fn text(task: &Mano) -> String {
    let p = &task.params;
    let modulus = p.modulus;
    let augment = p.knowledge_augment;
    let meaning = [
        "adds its two operands".to_owned(),
        "subtracts its second operand from its first".to_owned(),
        "multiplies its two operands".to_owned(),
        format!(
            "divides its first operand by its second: the result is the number that, times the second, is the first \
             modulo {modulus}"
        ),
    ];
    let told = |&code: &u8| {
        let [sign, word] = NAMES.map(|names| names[usize::from(code)].trim());
        let spelled = if augment { format!("`{sign}` or `{word}`") } else { format!("`{sign}`") };
        format!("{spelled} {}", meaning[usize::from(code)])
    };
    let told: Vec<String> = task.ops.iter().map(told).collect();
    let negative = if task.ops.contains(&1) { ", also where a difference is negative" } else { "" };
    let (opening, closing) = if augment {
        ("`LENGTH n |` or `OPS n |`, which both say", "`| VALUE n ->` or `| RESULT n ->`, which mean the same,")
    } else {
        ("`LENGTH n |`, which says", "`| VALUE n ->`")
    };
    format!(
        "The prompt is an arithmetic expression in prefix notation. It begins with {opening} that the expression has \
         n operations, and ends with {closing} where its value is to be given. An operation stands before its two \
         operands; each operand is a number or an operation with operands of its own, so that `f g a b c` means \
         f(g(a, b), c), and `f a g b c` means f(a, g(b, c)). {}. All arithmetic is modulo {modulus}: after each \
         operation only the remainder from 0 to {} counts{negative}. Give the value of the whole expression. The \
         answer is this number alone, from 0 to {}, in decimal digits.",
        listed(&told, "and"),
        modulus - 1,
        modulus - 1,
    )
}
