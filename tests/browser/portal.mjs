// One person at one browser: what the portal's pages are called and how they are used.
// Relies on the portal's contract alone: paths, field names and `button#main`.

import { until } from './checks.mjs';

const COOKIES = ['ciam_session', '__Host-ciam_session'];
const END = /\/account\/sessions\/([^/]+)\/end$/;

/** Field names, where the contract knows more than one. */
const NAMES = { email: ['email', 'identifier'] };

/** What browsers and password managers need to see on a field. */
const HINTS = {
  email: { autocomplete: ['email', 'username'] },
  password: { autocomplete: ['current-password'] },
  new_password: { autocomplete: ['new-password'] },
  code: { autocomplete: ['one-time-code'], inputmode: ['numeric'] },
  identifier: { autocomplete: ['username'] },
  username: { autocomplete: ['username'] },
  phone: { autocomplete: ['tel', 'username'], inputmode: ['tel'] },
  name: { autocomplete: ['name'] },
};

export class Visitor {
  #base;
  #console = [];
  #refused = new Set();
  #policies = new Map();

  /** A fresh browser profile: no cookies, nothing remembered. */
  static async arrive(browser, base, { javaScript, locale }) {
    const context = await browser.newContext({ javaScriptEnabled: javaScript, locale, reducedMotion: 'reduce' });
    context.setDefaultTimeout(15_000);
    const visitor = new Visitor();
    visitor.#base = base;
    visitor.context = context;
    visitor.javaScript = javaScript;
    visitor.language = locale.split('-')[0];
    visitor.page = await visitor.tab();
    return visitor;
  }

  /** Opens another tab of the same browser. */
  async tab() {
    const page = await this.context.newPage();
    page.on('dialog', (dialog) => dialog.accept());
    page.on('pageerror', (error) => this.#console.push({ text: `uncaught: ${error.message}` }));
    page.on('console', (message) => {
      if (message.type() === 'error') this.#console.push({ text: message.text(), url: message.location().url });
    });
    page.on('response', async (response) => {
      const request = response.request();
      const document = request.isNavigationRequest() && request.frame() === page.mainFrame();
      // Chromium reports a refused form as a failed load, though the page that came is the right one.
      const refused = response.status() >= 400 && response.status() < 500;
      if (refused && (document || request.method() === 'POST')) this.#refused.add(response.url());
      if (document) this.#policies.set(response.url(), response.headers()['content-security-policy'] ?? '');
    });
    return page;
  }

  async leave() {
    await this.context.close();
  }

  // Pages

  /** Opens a page. A page that is just going on by itself is let go first. */
  async open(path, page = this.page) {
    const { href } = new URL(path, this.#base);
    try {
      return await page.goto(href);
    } catch (error) {
      if (!/interrupted by another navigation|ERR_ABORTED/.test(error.message)) throw error;
      await page.waitForLoadState('load');
      return page.goto(href);
    }
  }

  get path() {
    return new URL(this.page.url()).pathname;
  }

  field(name, page = this.page) {
    const names = NAMES[name] ?? [name];
    return page.locator(names.map((one) => `input[name="${one}"]:visible`).join(', ')).first();
  }

  main(page = this.page) {
    return page.locator('button#main[type="submit"]');
  }

  /** Whether the page asks for this field now. */
  async asks(name, page = this.page) {
    const field = this.field(name, page);
    return (await field.count()) > 0 && (await field.isEditable().catch(() => false));
  }

  /** Waits for the page that asks for this field. */
  async expect(name) {
    try {
      await this.field(name).waitFor();
    } catch {
      throw new Error(`no field ${name} on ${this.path}, which says: ${await this.says()}`);
    }
  }

  /** The page's text, shortened. */
  async says() {
    const text = await this.page.locator('body').innerText();
    return text.replace(/\s+/g, ' ').slice(0, 400);
  }

  /** Fills fields and presses the main button. */
  async answer(values) {
    for (const [name, value] of Object.entries(values)) await this.field(name).fill(value);
    await this.main().click();
  }

  /** What a screen reader would announce on this page. */
  async announced() {
    const places = this.page.locator('[role="alert"], [aria-live]:not([aria-live="off"])');
    const texts = await places.allInnerTexts().catch(() => []); // the page may be leaving
    return texts.map((text) => text.trim()).filter((text) => text !== '');
  }

  /** Waits for something to be announced after `act` that was not there before, and returns it. */
  async complaint(act) {
    const before = await this.announced();
    await act();
    return until(`an announced error on ${this.path}`, async () =>
      (await this.announced()).find((text) => !before.includes(text)),
    );
  }

  // Journeys

  /** Sign-up as far as the page that asks for the code. */
  async signUp(email, password) {
    await this.open('/sign-up');
    await this.answer({ email });
    await this.expect('new_password');
    await this.answer({ new_password: password });
    await this.expect('code');
  }

  /** Says who signs in, until the page asks for the password: on the same page or on the next. */
  async identify(email) {
    if (await this.asks('email')) {
      if (await this.asks('password')) return this.field('email').fill(email);
      await this.answer({ email });
    }
    return this.expect('password');
  }

  /** Sign-in from the page that stands open. */
  async signIn(email, password) {
    await this.identify(email);
    await this.answer({ password });
    await this.arrived();
  }

  /** Presses the sign-out button of a page; it is a form, so that it works without JavaScript. */
  async signOut() {
    await this.open('/account');
    await this.page.locator('form[method="post" i][action^="/sign-out"] button:visible').first().click();
    await until('the session cookie is gone', async () => !(await this.session()));
  }

  /** After the address was confirmed elsewhere: the tab that asked goes on by itself, by its button, or when reloaded. */
  async goOn() {
    const soon = this.javaScript ? 3_000 : 0;
    const arrived = await until('', () => this.session(), soon).catch(() => null);
    if (!arrived) {
      const button = this.page.locator('#go-on:visible');
      if ((await button.count()) > 0) await button.click();
      else await this.open(this.page.url());
    }
    await this.arrived();
  }

  // Sessions

  /** The session cookie, if there is one. */
  async session() {
    const cookies = await this.context.cookies(this.#base);
    return cookies.find(({ name, value }) => COOKIES.includes(name) && value !== '');
  }

  /** Waits for the session, and for the page that follows. */
  async arrived(page = this.page) {
    await until(`a session after ${this.path}`, () => this.session()).catch(async (error) => {
      throw new Error(`${error.message}; the page says: ${await this.says()}`);
    });
    await until('the page after the last question', async () => {
      const asked = await Promise.all(['code', 'password'].map((name) => this.asks(name, page)));
      return !asked.includes(true);
    });
    await page.waitForLoadState('load');
  }

  /** Opens the account and sees that it is this person's. */
  async account(email) {
    const answer = await this.open('/account');
    if (this.path !== '/account') throw new Error(`/account leads to ${this.path}`);
    if (answer.status() !== 200) throw new Error(`/account answers ${answer.status()}`);
    await this.page.getByText(email).first().waitFor();
  }

  /** Opens the account and sees that it asks for sign-in first. */
  async strangerAtAccount() {
    await this.open('/account');
    if (this.path !== '/sign-in') throw new Error(`/account leads to ${this.path}, not to /sign-in`);
  }

  /** The sessions that the page offers to end, by id. */
  async sessions() {
    await this.open('/account/sessions');
    const forms = this.page.locator('form[method="post" i][action$="/end"]');
    const actions = await forms.evaluateAll((all) => all.map((form) => form.getAttribute('action')));
    return actions.map((action) => END.exec(action)?.[1]).filter(Boolean);
  }

  /** Ends one session from the list. */
  async endSession(id) {
    const form = this.page.locator(`form[action$="/account/sessions/${id}/end"]`);
    await form.locator('button').first().click();
    await form.waitFor({ state: 'detached' });
  }

  // What a page owes to everybody

  /** Fields that lack the hints browsers and password managers go by. */
  async missingHints() {
    const missing = [];
    for (const [name, hints] of Object.entries(HINTS)) {
      if (!(await this.asks(name))) continue;
      for (const [attribute, wanted] of Object.entries(hints)) {
        const words = ((await this.field(name).getAttribute(attribute)) ?? '').split(/\s+/);
        if (!wanted.some((word) => words.includes(word))) missing.push(`${name}: ${attribute}="${words.join(' ')}"`);
      }
    }
    return missing;
  }

  /** Whether the page is wider than the window at this width. */
  async overflows(width) {
    await this.page.setViewportSize({ width, height: 844 });
    return this.page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth);
  }

  /** Errors in the console since the last call, policy violations among them. */
  async newProblems() {
    const problems = this.#console.splice(0).filter(
      ({ text, url }) => !(text.startsWith('Failed to load resource') && this.#refused.has(url)),
    );
    return problems.map(({ text, url }) => `${text} (${url ?? this.path})`);
  }

  /** What the content security policy of this page lets through that it should not. */
  laxPolicy() {
    const policy = this.#policies.get(this.page.url().split('#')[0]);
    if (!policy) return ['no content-security-policy'];
    const words = policy.split(/[\s;]+/);
    return ["'unsafe-inline'", "'unsafe-eval'", '*', 'http:', 'https:'].filter((word) => words.includes(word));
  }
}
