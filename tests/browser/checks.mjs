// Counts what was checked and prints a line for each.

/** Thrown by a failed step: the rest of its journey makes no sense any more. */
class Abandoned extends Error {}

export class Checks {
  passed = 0;
  failed = 0;
  #journey = '';
  #onFailure;

  /** `onFailure(name)` runs after every failure, to keep what can be looked at later. */
  constructor(onFailure = async () => {}) {
    this.#onFailure = onFailure;
  }

  /** Runs one journey. A failed step ends it; the next journey still runs. */
  async journey(name, body) {
    this.#journey = name;
    try {
      await body();
    } catch (error) {
      if (!(error instanceof Abandoned)) await this.#fail('runs to its end', error);
    }
  }

  /** A check without which the journey cannot go on. Returns what `body` returns. */
  async step(name, body) {
    try {
      const value = await body();
      this.#pass(name);
      return value;
    } catch (error) {
      await this.#fail(name, error);
      throw new Abandoned(name);
    }
  }

  /** A check whose failure lets the journey go on. */
  async check(name, body) {
    try {
      await body();
      this.#pass(name);
    } catch (error) {
      await this.#fail(name, error);
    }
  }

  /** Prints the closing line; true when nothing failed and something was checked. */
  close() {
    console.log(`${this.passed} passed, ${this.failed} failed`);
    return this.failed === 0 && this.passed > 0;
  }

  #pass(name) {
    this.passed += 1;
    console.log(`ok      ${this.#journey}: ${name}`);
  }

  async #fail(name, error) {
    this.failed += 1;
    console.log(`FAILED  ${this.#journey}: ${name}`);
    const text = String(error?.message ?? error).replace(/\x1b\[\d+m/g, '').trimEnd();
    for (const line of text.split('\n')) console.log(`        ${line}`);
    await this.#onFailure(`${this.#journey} ${name}`);
  }
}

/** Asks again until `probe` gives something true, and returns it. */
export async function until(what, probe, milliseconds = 15_000) {
  const end = performance.now() + milliseconds;
  for (;;) {
    const value = await probe();
    if (value) return value;
    if (performance.now() > end) throw new Error(`not within ${milliseconds / 1000} s: ${what}`);
    await new Promise((wake) => setTimeout(wake, 100));
  }
}
