import type { Expression } from "../syntax/expression.ts";
import { compile } from "../terms/compile.ts";
import type { Subject } from "../terms/subject.ts";
import { type Evaluate, MAYBE, NO, type Truth, YES } from "../terms/truth.ts";

/** A term of `op:(…)`: it holds if it does for one of the records that belong to the operation. */
interface Leaf {
  readonly evaluate: Evaluate;
  readonly isStatus: boolean;
}

/** What is asked of operations: each of its terms may be answered by another record of the operation. */
export class OperationPlan {
  readonly leaves: readonly Leaf[];
  readonly #decide: (hits: Uint8Array, missing: Truth) => Truth;

  constructor(expression: Expression) {
    const leaves: Leaf[] = [];
    this.#decide = decision(expression, leaves);
    this.leaves = leaves;
  }

  /** What is known of an operation; once it is over, what has not been seen will not be. */
  decide(hits: Uint8Array, isOver: boolean): Truth {
    return this.#decide(hits, isOver ? NO : MAYBE);
  }
}

function decision(expression: Expression, leaves: Leaf[]): (hits: Uint8Array, missing: Truth) => Truth {
  switch (expression.is) {
    case "all":
    case "any": {
      const parts = expression.of.map((part) => decision(part, leaves));
      const [least, most] = expression.is === "all" ? [NO, YES] as const : [YES, NO] as const;
      return (hits, missing) => {
        const truths = parts.map((part) => part(hits, missing));
        return truths.includes(least) ? least : truths.includes(MAYBE) ? MAYBE : most;
      };
    }
    case "not": {
      const part = decision(expression.of, leaves);
      return (hits, missing) => {
        const truth = part(hits, missing);
        return truth === MAYBE ? MAYBE : truth === YES ? NO : YES;
      };
    }
    default: {
      const at = leaves.length;
      const isStatus = expression.is === "term" && expression.name === "status";
      leaves.push({ evaluate: compile(expression, () => () => NO), isStatus });
      return (hits, missing) => hits[at] === 1 ? YES : missing;
    }
  }
}

/** A request, and what belongs to it: its answer, its progress, its cancellation, and the requests that go on from it. */
export class Operation {
  /** For each plan, which of its terms have been answered. */
  readonly #hits: readonly Uint8Array[];
  readonly #plans: readonly OperationPlan[];
  /** For each plan, what is known. */
  readonly truths: Truth[];
  /** Requests without an answer, and answers that ask for another request. */
  open = 0;
  isOver = false;

  constructor(plans: readonly OperationPlan[]) {
    this.#plans = plans;
    this.#hits = plans.map(({ leaves }) => new Uint8Array(leaves.length));
    this.truths = plans.map((plan, at) => plan.decide(this.#hits[at]!, false));
  }

  /** Whether nothing that comes can change what is known. */
  get isDecided(): boolean {
    return !this.truths.includes(MAYBE);
  }

  /**
   * Takes note of a record of the operation.
   *
   * @param isOutcome whether it is only about what became of a request
   */
  see(subject: Subject, isOutcome = false): void {
    for (const [at, plan] of this.#plans.entries()) {
      if (this.truths[at] !== MAYBE) continue;
      const hits = this.#hits[at]!;
      for (const [which, { evaluate, isStatus }] of plan.leaves.entries()) {
        if ((isStatus || !isOutcome) && hits[which] === 0 && evaluate(subject) === YES) hits[which] = 1;
      }
      this.truths[at] = plan.decide(hits, false);
    }
  }

  /** What holds if nothing more comes. */
  truthNow(at: number): Truth {
    const truth = this.truths[at]!;
    return truth === MAYBE ? this.#plans[at]!.decide(this.#hits[at]!, true) : truth;
  }

  /** Nothing more comes. */
  end(): void {
    this.isOver = true;
    for (const at of this.truths.keys()) this.truths[at] = this.truthNow(at);
  }
}
