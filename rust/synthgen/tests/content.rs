//! The content hash is blind to the order in which facts without order are listed, and to nothing else.

use serde_json::json;
use synthgen::{Form, registry, validate};

fn content(task: &str, text: &str) -> u64 {
    let task =
        registry::find(task).and_then(|entry| entry.task(&json!({}).as_object().cloned().unwrap(), None)).unwrap();
    validate::content(&*task, text, "").unwrap_or_else(|| panic!("no prompt: {text}"))
}

#[test]
fn the_edges_of_a_graph_have_no_order_and_its_queries_no_say() {
    let edges = ["7.43 10 ", "10 2.1 ", "2.1 5 ", "5 7.43 "];
    let whole = content("depo", &format!("{}| QUERY hops=2 5 ->", edges.concat()));
    for order in [[1, 0, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]] {
        let listed: String = order.iter().map(|&i| edges[i]).collect();
        assert_eq!(content("depo", &format!("{listed}| QUERY hops=7 10 ->")), whole);
        let separated = order.map(|i| edges[i]).join("; ");
        assert_eq!(content("depo", &format!("; {separated}| QUERY hops=1 5 ->")), whole);
    }
    // The same nodes in the other direction, and with two names exchanged.
    assert_ne!(content("depo", "10 7.43 2.1 10 5 2.1 7.43 5 | QUERY hops=2 5 ->"), whole);
    assert_ne!(content("depo", "7.43 2.1 2.1 10 10 5 5 7.43 | QUERY hops=2 5 ->"), whole);
}

#[test]
fn the_places_of_a_swap_have_no_order_but_operations_do() {
    let of = |ops: &str| content("dyna", &format!("STATE [B, A, C] || OPS {ops} || QUERY position 0 ->"));
    let base = of("SWAP(0,2) | ROTATE_LEFT(1)");
    assert_eq!(of("SWAP(2,0) | ROTATE_LEFT(1)"), base);
    for other in
        ["ROTATE_LEFT(1) | SWAP(0,2)", "REVERSE(0,2) | ROTATE_LEFT(1)", "SWAP(0,2) | ROTATE_RIGHT(1)", "SWAP(0,2)"]
    {
        assert_ne!(of(other), base, "{other}");
    }
    assert_eq!(
        content("dyna", "STATE [B, A, C] || OPS SWAP(0,2) | ROTATE_LEFT(1) || QUERY element C ->"),
        base,
        "queries have no say"
    );
    assert_eq!(
        content("dyna", "STATE [1, 0, 2] || OPS SWAP(0,2) | ROTATE_LEFT(1) || QUERY position 0 ->"),
        base,
        "nor has the way elements are named"
    );
}

#[test]
fn a_row_and_its_prompt_have_one_content() {
    for entry in registry::all() {
        let task = entry.task(&json!({}).as_object().cloned().unwrap(), None).unwrap();
        let mut rows = task.cursor(1, None, None);
        for i in 0..50u64 {
            let row = rows.draw(i.into()).unwrap().clone();
            let (prompt, target) = synthgen::export::prompt_and_answer(&*task, &row);
            let whole = task.read(&row.ids, Form::Row).unwrap().content;
            assert_eq!(validate::content(&*task, &prompt, &target), Some(whole), "{}", entry.name);
        }
    }
}
