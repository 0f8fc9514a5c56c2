/** Watches over the agents of one call: kills one when asked, measures the silence, learns what came back. */

import { getConversation, getSession, killAgent, lastMessages } from "../api/api";
import type { Session } from "../api/types";
import { asLogged } from "./cut";
import { Ear } from "./ear";
import { gone, killed, listens, type Silence, settled, sounded, spokenInto, stirs, stopped } from "./silence";
import type { Agent, CallSnapshot } from "./snapshot";
import {
  type Failover, hasGivenUp, livingSession, unexplained, withLoss, withOutcome, withoutLoss, withSuccessor, withTerms,
} from "./takeover";
import type { Line } from "./transcript";

const LOOK_MS = 400;
/** From this look on the service is asked less often. */
const QUICK_LOOKS = 20;
const SLOW_LOOK_MS = 2000;
/** An agent that is back and says nothing for so long has nothing to say. */
const SETTLE_MS = 3000;
/** By then what was cut is in the log. */
const LOGGED_MS = 2000;
const LOGGED_LOOKS = 4; // on a slow machine it is later
const LAST_LINES = 10;
/** After the call has ended the service may need a moment to say why. */
const LAST_LOOKS = 8;

/** The call, as far as this part of it reads and changes it. */
export interface Host {
  readonly call: () => CallSnapshot;
  readonly change: (change: Partial<Failover>) => void;
  readonly lines: (lines: readonly Line[]) => void;
}

const cuts = (lines: readonly Line[]): number => lines.filter((line) => line.cut).length;

export class FailoverWatch {
  readonly #ear = new Ear();
  #soundAt: number | null = null;
  /** The agent that was here last. */
  #known: string | null = null;
  #settling: ReturnType<typeof setTimeout> | null = null;
  #markCut: ReturnType<typeof setTimeout> | null = null;
  /** Grows with each new reason to ask the service: older rounds of questions end. */
  #round = 0;

  constructor(private readonly host: Host) {}

  get #state(): Failover {
    return this.host.call().failover;
  }

  #silence(next: Silence): void {
    const { silence, takeovers } = this.#state;
    if (next === silence) return;
    const outcome = next.outcome;
    const isNew = outcome !== null && outcome !== silence.outcome;
    this.host.change(isNew ? { silence: next, takeovers: withOutcome(takeovers, outcome) } : { silence: next });
  }

  /** Whom the room shows as the agent, before and now; `isHere` says whether somebody is still in the room. */
  agent(before: Agent, now: Agent, isHere: (identity: string) => boolean): void {
    const left = before.identity;
    if (left !== null && left !== now.identity && !isHere(left)) this.#lost(left, before.state === "speaking");
    const who = now.identity;
    this.#ear.listen(now.track?.mediaStreamTrack ?? null, () => who !== null && this.#sound(who));
    if (who === null) return;
    if (now.state === "listening") this.#listening(who);
    else this.#silence(stirs(this.#state.silence, who));
    if (who === left) return;
    if (this.#known !== null && this.#known !== who && !isHere(this.#known)) this.#note(this.#known);
    this.#known = who;
    this.host.change({ takeovers: withSuccessor(this.#state.takeovers, who) });
    this.#ask();
  }

  #note(lost: string): void {
    this.host.change({ takeovers: withLoss(this.#state.takeovers, lost, this.host.call().lines) });
  }

  #lost(identity: string, wasSpeaking: boolean): void {
    // While this page itself reconnects everybody is gone from it, and most come back.
    if (this.host.call().phase !== "live") return;
    const now = performance.now();
    this.#silence(gone(this.#state.silence, identity, wasSpeaking ? (this.#soundAt ?? now) : now));
    this.#note(identity);
    this.#ask();
  }

  #sound(who: string): void {
    this.#soundAt = performance.now();
    const next = sounded(this.#state.silence, who, this.#soundAt);
    const survived = next.outcome?.how === "survived" && next.outcome !== this.#state.silence.outcome;
    this.#silence(next);
    if (survived) this.host.change({ takeovers: withoutLoss(this.#state.takeovers, who) });
  }

  #listening(who: string): void {
    const { silence } = this.#state;
    const next = listens(silence, who, performance.now());
    if (next === silence) return;
    this.#silence(next);
    if (this.#settling !== null) clearTimeout(this.#settling);
    this.#settling = setTimeout(() => this.#silence(settled(this.#state.silence)), SETTLE_MS);
  }

  /** The caller is understood; in the middle of a sentence of the agent it may be a barge-in. */
  spoken(): void {
    this.#silence(spokenInto(this.#state.silence));
    if (this.host.call().agent.state === "speaking") this.#markLater(LOGGED_LOOKS);
  }

  #markLater(looks: number): void {
    if (looks > 0) this.#markCut ??= setTimeout(() => void this.#marked(looks - 1), LOGGED_MS);
  }

  /** Gives the lines what the log has of them: which ones were cut, and what was heard; looks again while none was. */
  async #marked(looks: number): Promise<void> {
    this.#markCut = null;
    const { conversationId } = this.host.call();
    if (conversationId === null) return;
    const messages = await lastMessages(conversationId, LAST_LINES).catch(() => []); // asked again below
    const { lines } = this.host.call();
    const marked = asLogged(lines, messages);
    this.host.lines(marked);
    if (cuts(marked) === cuts(lines)) this.#markLater(looks);
  }

  /** Nothing happens unless there is somebody to kill. */
  async kill(): Promise<void> {
    const { phase, agent, lines } = this.host.call();
    const { sessionId, silence, takeovers, ordering } = this.#state;
    if (phase !== "live" || ordering || sessionId === null || agent.identity === null || silence.missing !== null) return;
    const victim = agent.identity;
    this.#silence(killed(silence, victim, performance.now()));
    this.host.change({ ordering: true, error: null, takeovers: withLoss(takeovers, victim, lines) });
    try {
      await killAgent(sessionId);
    } catch (error) {
      if (this.host.call().phase !== "live") return;
      this.#silence(stopped(this.#state.silence));
      this.host.change({ error, takeovers: withoutLoss(this.#state.takeovers, victim) });
      this.#ask(); // the session may be another one by now
    } finally {
      this.host.change({ ordering: false });
    }
  }

  #ask(looks = Infinity): void {
    const round = ++this.#round;
    void this.#questions(looks, () => round === this.#round);
  }

  /** Asks until all is known: the session, what came back, or that nobody will come. */
  async #questions(looks: number, isWanted: () => boolean): Promise<void> {
    for (let look = 0; look < looks && isWanted(); look++) {
      // A failed look is repeated like one that is not yet answered; the call shows its own troubles.
      const isDone = await this.#look(isWanted).catch(() => false);
      if (isDone || !isWanted()) return;
      await new Promise((resolve) => setTimeout(resolve, look < QUICK_LOOKS ? LOOK_MS : SLOW_LOOK_MS));
    }
  }

  async #look(isWanted: () => boolean): Promise<boolean> {
    const { conversationId, roomName } = this.host.call();
    if (conversationId === null || roomName === null) return true;
    const conversation = await getConversation(conversationId);
    if (!isWanted()) return true;
    if (hasGivenUp(conversation, roomName)) {
      this.host.change({ gaveUp: true, sessionId: null, silence: stopped(this.#state.silence) });
      return true;
    }
    const { agent } = this.host.call();
    const session = livingSession(conversation, roomName, agent.identity);
    this.host.change({ sessionId: session?.id ?? null });
    if (session === null || session.agentIdentity !== agent.identity) return false;
    return this.#explain(session, conversationId, isWanted);
  }

  async #explain(session: Session, conversationId: string, isWanted: () => boolean): Promise<boolean> {
    if (!unexplained(this.#state.takeovers)) return true;
    const [detail, messages] = await Promise.all([getSession(session.id), lastMessages(conversationId, LAST_LINES)]);
    if (!isWanted()) return true;
    this.host.lines(asLogged(this.host.call().lines, messages));
    this.host.change({ takeovers: withTerms(this.#state.takeovers, detail.terms) });
    if (this.#state.takeovers.at(-1)?.term?.plan === "silent") this.#silence(settled(this.#state.silence));
    return !unexplained(this.#state.takeovers);
  }

  /** The browser lets the page be heard, so it lets it hear. */
  resume(): void {
    this.#ear.resume();
  }

  /** The call is over. `byOthers`: it may be that the service gave up. */
  close(byOthers: boolean): void {
    this.#round++;
    this.#ear.close();
    if (this.#settling !== null) clearTimeout(this.#settling);
    if (this.#markCut !== null) clearTimeout(this.#markCut);
    this.#silence(stopped(this.#state.silence));
    if (byOthers) this.#ask(LAST_LOOKS);
  }
}
