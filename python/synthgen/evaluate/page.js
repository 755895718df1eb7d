"use strict";
(() => {
  const BLOCK = 100;
  const SECRET = /[\u0000-\u0008\u000b-\u001f]/g;
  const UNSEEN = /[\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g;
  const LONE = /\p{Surrogate}/gu;
  const data = JSON.parse(document.getElementById("data").textContent);
  const $ = (id) => document.getElementById(id);

  // Everything that comes from outside goes through here: it becomes text, never markup.
  const visible = (text) =>
    String(text)
      .replace(SECRET, (c) => String.fromCharCode(0x2400 + c.charCodeAt(0)))
      .replace(LONE, "\ufffd")
      .replace(UNSEEN, (c) => "\u27e8U+" + c.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0") + "\u27e9");
  const add = (node, children) => {
    for (const child of children.flat(Infinity)) {
      if (child !== null && child !== undefined && child !== false) {
        node.append(child instanceof Node ? child : document.createTextNode(visible(child)));
      }
    }
    return node;
  };
  const el = (name, attributes, ...children) => {
    const node = document.createElement(name);
    for (const [key, value] of Object.entries(attributes || {})) {
      if (key === "on") {
        for (const [event, run] of Object.entries(value)) node.addEventListener(event, run);
      } else if (value === true) node.setAttribute(key, "");
      else if (value !== false && value !== null && value !== undefined) node.setAttribute(key, value);
    }
    return add(node, children);
  };
  const pre = (label, ...children) => el("pre", { tabindex: 0, role: "region", "aria-label": label, dir: "auto" }, ...children);
  const badge = (outcome, text) => el("span", { class: "badge t-" + outcome }, text || outcome);

  // Tabs: one panel at a time, arrows move between them.
  const tabs = [...document.querySelectorAll("[role=tab]")];
  const show = (tab) => {
    for (const one of tabs) {
      const chosen = one === tab;
      one.setAttribute("aria-selected", String(chosen));
      one.tabIndex = chosen ? 0 : -1;
      $(one.getAttribute("aria-controls")).hidden = !chosen;
    }
  };
  tabs.forEach((tab, at) => {
    tab.addEventListener("click", () => show(tab));
    tab.addEventListener("keydown", (event) => {
      const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: tabs.length - 1 }[event.key];
      if (to === undefined) return;
      const next = tabs[(to + tabs.length) % tabs.length];
      event.preventDefault();
      show(next);
      next.focus();
    });
  });
  if (tabs.length) {
    $("tabs").hidden = false;
    show(tabs[0]);
  }
  document.documentElement.classList.add("js");

  const samples = data.samples;
  const numbers = new Map(samples.map((sample, at) => [sample.id, at]));
  const several = data.runs.length > 1;
  let found = [];
  let drawn = 0;
  let current = null;

  const share = (run) => {
    const answers = run ? run.answers.filter((one) => one.outcome !== "error") : [];
    return answers.length ? answers.filter((one) => one.outcome === "correct").length / answers.length : null;
  };
  const differs = (sample) => {
    const shares = sample.runs.map(share).filter((one) => one !== null);
    return shares.some((one) => one !== shares[0]);
  };
  const summed = (run) => {
    if (!run) return badge("none", "not asked");
    const outcomes = [...new Set(run.answers.map((one) => one.outcome))];
    if (run.answers.length === 1 || outcomes.length === 1) {
      return badge(outcomes[0], run.answers.length > 1 ? outcomes[0] + " \u00d7" + run.answers.length : outcomes[0]);
    }
    const right = run.answers.filter((one) => one.outcome === "correct").length;
    return badge(right ? "unparsed" : "wrong", right + "/" + run.answers.length + " correct");
  };
  const searched = (sample) => {
    if (sample.searched === undefined) {
      const parts = [sample.id, sample.input, sample.target];
      for (const run of sample.runs) {
        for (const one of run ? run.answers : []) parts.push(one.response, one.reasoning, one.extracted, one.error);
      }
      sample.searched = parts.filter(Boolean).join("\n").toLowerCase();
    }
    return sample.searched;
  };

  const matches = () => {
    const task = $("by-task").value;
    const level = $("by-level").value;
    const outcome = $("by-outcome").value;
    const run = $("by-run") ? $("by-run").value : "";
    const text = $("by-text").value.trim().toLowerCase();
    const only = $("by-differing") && $("by-differing").checked;
    return samples.filter((sample) => {
      const runs = run === "" ? sample.runs : [sample.runs[Number(run)]];
      return (
        (!task || sample.task === task) &&
        (!level || String(sample.level) === level) &&
        (!outcome || runs.some((one) => one && one.answers.some((answer) => answer.outcome === outcome))) &&
        (!only || differs(sample)) &&
        (!text || searched(sample).includes(text))
      );
    });
  };

  const entry = (sample) => {
    const first = sample.runs.find((run) => run);
    const said = sample.runs.map((run) => (run && run.answers[0].extracted) || "\u2013");
    return el(
      "button",
      { type: "button", "data-id": sample.id, "aria-current": sample === current ? "true" : false,
        on: { click: () => choose(sample, true) } },
      el("span", { class: "id" }, sample.id),
      el("span", { class: several ? "marks below" : "marks" }, first ? sample.runs.map(summed) : null),
      el("span", { class: "says" }, "target ", el("bdi", null, sample.target), " \u00b7 said ", said.map((one, at) => [at ? " | " : "", el("bdi", null, one)])),
    );
  };
  // Rows are made when they are scrolled to: thousands at once would stop the page.
  const more = () => {
    const list = $("list");
    const button = list.querySelector(".more");
    if (button) button.remove();
    const next = found.slice(drawn, drawn + BLOCK).map(entry);
    list.append(...next);
    drawn += next.length;
    if (drawn < found.length) {
      list.append(el("button", { type: "button", class: "more", on: { click: () => { const at = drawn; more(); list.children[at].focus(); } } },
        "Show more (" + (found.length - drawn) + " left)"));
    }
  };
  const filter = () => {
    found = matches();
    drawn = 0;
    $("list").replaceChildren();
    $("list").scrollTop = 0;
    if (!found.length) $("list").append(el("p", { class: "quiet" }, "No sample is like that."));
    more();
    $("count").textContent = found.length + " of " + samples.length + " samples";
    steps();
  };

  const found_answer = (text, answer) => {
    if (!answer) return -1;
    const from = Math.max(text.toUpperCase().lastIndexOf("ANSWER"), 0);
    const after = text.indexOf(answer, from ? from + 6 : 0);
    return from && after >= 0 ? after : text.lastIndexOf(answer);
  };
  const highlighted = (text, answer) => {
    const at = found_answer(text, answer.extracted);
    if (at < 0) return [text];
    const kind = answer.outcome === "correct" ? "right" : answer.outcome === "wrong" ? "missed" : null;
    const end = at + answer.extracted.length;
    return [text.slice(0, at), el("mark", { class: kind }, answer.extracted), text.slice(end)];
  };
  const folded = (title, text) => el("details", null, el("summary", null, title + " (" + text.length.toLocaleString("en") + " characters)"), pre(title, text));
  const response = (answer) => {
    const text = answer.response || "";
    const parts = text.split(/(<think(?:ing)?>[\s\S]*?<\/think(?:ing)?>)/i);
    const last = parts.length - 1;
    return parts.map((part, at) => {
      if (at % 2) return folded("Thoughts within the response", part);
      if (!part.trim() && last) return null;
      return pre("Response", at === last ? highlighted(part, answer) : part);
    });
  };
  const time = (ms) => (ms === null || ms === undefined ? null : ms < 1000 ? Math.round(ms) + " ms" : (ms / 1000).toPrecision(3) + " s");
  const fact = (name, value, kind) =>
    value === null || value === undefined || value === "" ? null : el("div", null, el("dt", null, name), el("dd", { class: kind, dir: "auto" }, value));
  const answered = (answer, count) => [
    el("h4", null, count > 1 ? "Answer " + (answer.repeat + 1) + " of " + count + " " : "Response ", badge(answer.outcome)),
    el("dl", { class: "facts" },
      fact("extracted", answer.extracted || (answer.outcome === "error" ? null : "nothing"), "value"),
      fact("finish reason", answer.finish), fact("latency", time(answer.latency)),
      fact("tokens", (answer.prompt_tokens || 0) + " + " + (answer.completion_tokens || 0)),
      fact("attempts", answer.attempts > 1 ? answer.attempts : null), fact("at", answer.time)),
    answer.error ? el("pre", { class: "error" }, answer.error) : null,
    answer.reasoning ? folded("Reasoning", answer.reasoning) : null,
    answer.response || !answer.error ? response(answer) : null,
  ];
  const asked = (run) => {
    const turns = run.prompt.map(([role, lead, rest]) =>
      el("div", { class: "turn" }, el("span", null, role), pre("Prompt, " + role, (lead < 0 ? "" : data.texts[lead]) + rest)));
    const title = "Prompt as it was sent (" + (run.prompt.length > 1 ? run.prompt.length + " messages" : "one text") + ")";
    return el("details", { open: !several }, el("summary", null, title), turns);
  };
  const steps = () => {
    for (const [id, by] of [["previous", -1], ["next", 1]]) {
      const button = $(id);
      if (button) button.disabled = !found[found.indexOf(current) + by] || !found.includes(current);
    }
  };
  const step = (by) => {
    const next = found[found.indexOf(current) + by];
    if (!next) return;
    while (found.indexOf(next) >= drawn) more();
    choose(next, true);
  };

  const choose = (sample, given) => {
    current = sample;
    for (const button of $("list").querySelectorAll("[data-id]")) {
      if (button.dataset.id === sample.id) {
        button.setAttribute("aria-current", "true");
        // Only the list moves, never the page.
        const list = $("list");
        const top = button.offsetTop - list.offsetTop;
        if (top < list.scrollTop) list.scrollTop = top;
        else if (top + button.offsetHeight > list.scrollTop + list.clientHeight) list.scrollTop = top + button.offsetHeight - list.clientHeight;
      } else button.removeAttribute("aria-current");
    }
    const runs = sample.runs.map((run, at) => {
      const who = several ? el("p", { class: "who" }, data.runs[at], run ? summed(run) : badge("none", "not asked")) : null;
      return run ? el("div", { class: "run" }, who, asked(run), run.answers.map((one) => answered(one, run.answers.length))) : el("div", { class: "run" }, who);
    });
    const button = (id, text, by) => el("button", { type: "button", id, on: { click: () => step(by) } }, text);
    $("sample").replaceChildren();
    add($("sample"), [
      el("div", { class: "top" }, el("h3", null, sample.id), el("span", { class: "steps" }, button("previous", "Previous", -1), button("next", "Next", 1))),
      el("dl", { class: "facts" }, fact("task", sample.task), fact("level", sample.level), fact("target", sample.target, "value")),
      several ? [el("h4", null, "Question"), pre("Question", sample.input)] : null,
      runs,
      el("details", { class: "run" }, el("summary", null, "Metadata"), pre("Metadata", sample.metadata)),
    ]);
    steps();
    if (given) {
      history.replaceState(null, "", "#" + encodeURIComponent(sample.id));
      $("sample").focus({ preventScroll: true });
      if (matchMedia("(max-width: 760px)").matches) $("sample").scrollIntoView();
    }
  };
  const follow = () => {
    let id = location.hash.slice(1);
    try { id = decodeURIComponent(id); } catch { return; }
    if (!id || $(id)) return;
    const at = numbers.get(id);
    if (at === undefined) {
      current = null;
      $("sample").replaceChildren(el("p", { class: "note" }, "Sample ", el("bdi", null, id), " is not on this page; results.jsonl may have it, and a page with more --samples."));
    } else {
      if (!found.includes(samples[at])) {
        $("filters").reset();
        filter();
      }
      while (found.indexOf(samples[at]) >= drawn) more();
      choose(samples[at], false);
    }
    $("samples").scrollIntoView();
  };

  const options = (id, values, name) => {
    for (const value of values) $(id).append(el("option", { value }, name ? name(value) : value));
  };
  const kinds = (of) => [...new Set(samples.flatMap(of))];
  options("by-task", kinds((one) => [one.task]));
  options("by-level", kinds((one) => [one.level]).sort(), (level) => data.levels[level] || level);
  const outcomes = new Set(kinds((one) => one.runs.flatMap((run) => (run ? run.answers.map((answer) => answer.outcome) : []))));
  options("by-outcome", data.outcomes.filter((one) => outcomes.has(one)));
  if ($("by-run")) data.runs.forEach((name, at) => $("by-run").append(el("option", { value: at }, name)));
  let waiting = 0;
  for (const event of ["input", "change"]) {
    $("filters").addEventListener(event, () => {
      cancelAnimationFrame(waiting);
      waiting = requestAnimationFrame(filter);
    });
  }
  $("filters").addEventListener("submit", (event) => event.preventDefault());
  $("list").addEventListener("scroll", () => {
    const list = $("list");
    if (drawn < found.length && list.scrollTop + list.clientHeight > list.scrollHeight - 200) more();
  });
  $("list").addEventListener("keydown", (event) => {
    const by = { ArrowDown: "nextElementSibling", ArrowUp: "previousElementSibling" }[event.key];
    const next = by && document.activeElement[by];
    if (next && next.tagName === "BUTTON") {
      event.preventDefault();
      next.focus();
    }
  });
  addEventListener("hashchange", follow);
  $("browser").hidden = false;
  filter();
  if (samples.length) choose(samples[0], false);
  follow();
})();
