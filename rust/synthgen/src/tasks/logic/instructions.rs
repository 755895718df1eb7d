//! The instructions of Logic.

use super::{Logic, Mode};

const XOR: &str = "XOR is 1 if exactly one of its two operands is 1, else 0";
const OTHERS: &str = "AND is 1 if both operands are 1, else 0; OR is 1 if at least one of the two is 1, else 0; NAND \
                      is 0 if both are 1, else 1; NOR is 1 if both are 0, else 0; NOT has a single operand, and is 1 \
                      if that is 0, else 0";

pub(super) fn text(task: &Logic) -> String {
    let p = &task.params;
    let (shown, kinds) = match (p.mode, p.xor_percent) {
        (Mode::Parity, _) | (_, 100) => ("XOR", format!("All gates are of one type: {XOR}.")),
        (_, 0) => ("AND", format!("{OTHERS}.")),
        _ => ("AND", format!("{OTHERS}; {XOR}.")),
    };
    let unused = if p.mode == Mode::Circuit && p.distractors.hi > 0 {
        " Some gates may have no part in that value, and can be left out."
    } else {
        ""
    };
    format!(
        "The prompt describes a circuit of 0s and 1s. After `INPUTS` stand the values of the inputs, such as `x0=1`. \
         After `GATES` stand the gates, separated by ` | `: `g2={shown}(x1,g0)` says that gate g2 is of type {shown} \
         and that its operands are input x1 and gate g0. Operands are inputs or gates that stand further to the left, \
         so that the gates can be worked out from left to right. {kinds} The question at the end, such as `QUERY g2 \
         ->`, asks for the value of the gate that it names.{unused} The answer is this value, the digit 0 or 1 \
         alone.",
    )
}
