/** A restore report and the names in a takeover, as people read them. */

import type { Report, Term } from "../api/types";

export type Grade = "exact" | "degraded" | "missing";
export const GRADES: readonly Grade[] = ["exact", "degraded", "missing"];

export interface ReportField {
  readonly name: string;
  readonly grade: Grade;
  readonly why: string | null;
}

/** "conversation_history" is "conversation history". */
export const spaced = (name: string): string => name.replaceAll("_", " ");

/** A text of another form is no claim that all came back: it is shown as degraded, with all of it. */
function fieldOf(name: string, text: string): ReportField {
  if (text === "exact") return { name: spaced(name), grade: "exact", why: null };
  const [grade, ...rest] = text.split(":");
  const why = rest.join(":").trim();
  if (grade === "degraded" || grade === "missing") return { name: spaced(name), grade, why: why === "" ? null : why };
  return { name: spaced(name), grade: "degraded", why: text };
}

/** What is worth reading first: missing, degraded, exact; inside by name. */
export function reportFields(report: Report): readonly ReportField[] {
  const all = Object.entries(report).map(([name, text]) => fieldOf(name, text));
  return all.sort((a, b) => GRADES.indexOf(b.grade) - GRADES.indexOf(a.grade) || a.name.localeCompare(b.name));
}

/** "9 exact · 1 missing": grades that do not occur are left out. */
export function reportSummary(fields: readonly ReportField[]): string {
  const counts = GRADES.map((grade) => [grade, fields.filter((field) => field.grade === grade).length] as const);
  return counts.filter(([, n]) => n > 0).map(([grade, n]) => `${n} ${grade}`).join(" · ");
}

const CAUSES: Readonly<Record<string, string>> = {
  crashed: "crashed",
  frozen: "froze",
  host_lost: "lost its host",
  left: "left",
  empty: "left with the last person",
  server_shutdown: "lost its media server",
  provider_lost: "lost its provider",
  entrypoint_failed: "failed",
  unreadable: "could not read the log",
  released: "handed over",
};

/** What the agent before did: "crashed". */
export const causeWords = (cause: string): string => CAUSES[cause] ?? spaced(cause);

const PLANS: Readonly<Record<string, string>> = {
  silent: "listened, as nothing was in flight",
  answer: "answered what was said last",
  resume: "went on with what was cut",
  repeat: "said the whole reply again",
  bridge: "said one line to bridge the gap",
  ask_again: "asked to hear it again",
  custom: "did what its application wants",
};

const SAID_AGAIN = "said the cut sentence again";

const plain = (text: string): string => text.toLowerCase().replace(/\s+/g, " ").trim();

/** Whether `next` begins with the sentence in which `heard` breaks off. */
export function beginsAgain(heard: string, next: string): boolean {
  const begun = plain(heard).split(/[.!?…]+["'”’)]*(?: |$)|[。！？]/).at(-1) ?? "";
  return begun !== "" && plain(next).startsWith(begun);
}

/** What the new agent did; `again`: it began with the sentence that was cut. */
export function planWords(plan: string, again = false): string {
  return again && plan.toLowerCase() === "resume" ? SAID_AGAIN : (PLANS[plan.toLowerCase()] ?? spaced(plan));
}

/** null while it has not said what it did. */
export function deedWords({ plan, report }: Term, again: boolean): string | null {
  if (plan === null) return null;
  return report?.["plan"] === undefined ? `it ${planWords(plan, again)}` : "it could not do as planned";
}
