// Walks the portal at BASE_URL as people do: in English and in Dutch, with JavaScript and without it.
// Environment: BASE_URL, BASE_URL_OF_MANY (a portal whose people are found by addresses, numbers and usernames; what
// needs one is left out without it), SHOTS (folder for screenshots), CHROMIUM (path of the browser), WALK (a part of the
// names of the journeys to walk; all of them without it).

import { randomBytes } from 'node:crypto';
import { chromium } from 'playwright-core';

import { violations } from './axe.mjs';
import { Checks, until } from './checks.mjs';
import { Mailbox, otherCode } from './mailbox.mjs';
import { ownAccount } from './own-account.mjs';
import { Visitor } from './portal.mjs';
import { SCHEMES, SIZES, fileName, shot } from './shots.mjs';

const PASSWORD = 'violet-harbour-17-kettle-stone';
const WRONG_PASSWORD = 'copper-lantern-58-window-moss';
const COMMON_PASSWORD = 'passwordpassword';

const base = process.env.BASE_URL?.replace(/\/$/, '');
if (!base) {
  console.error('BASE_URL is not set: the address of a running portal, such as http://localhost:8080');
  process.exit(2);
}

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: [
    '--headless',
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ],
});
const mailbox = new Mailbox(base);
const baseOfMany = process.env.BASE_URL_OF_MANY?.replace(/\/$/, '');
const mailboxOfMany = baseOfMany && new Mailbox(baseOfMany);
const checks = new Checks(async (name) => {
  const pages = browser.contexts().flatMap((context) => context.pages());
  for (const [at, page] of pages.entries()) await shot(page, `failed-${fileName(name)}-${at + 1}`).catch(() => {});
});

const address = (who) => `${who}-${randomBytes(5).toString('hex')}@example.com`;

/** Fails with what was found. */
function none(found) {
  if (found.length > 0) throw new Error(found.join('\n'));
}

/** The English lines of each page that was looked at, by its name. */
const english = new Map();

/** What a page says in English though it should speak another language. */
async function untranslated(visitor, name) {
  const spoken = await visitor.page.locator('html').getAttribute('lang');
  if (spoken !== visitor.language) return [`lang="${spoken}", not ${visitor.language}`];
  const text = await visitor.page.locator('body').innerText();
  const lines = text.split('\n').map((line) => line.trim());
  if (visitor.language === 'en') english.set(name, new Set(lines));
  // Short words are alike in several languages, and what somebody typed stays as it is.
  return visitor.language === 'en' ? [] : lines.filter((line) => line.split(' ').length > 2 && english.get(name)?.has(line));
}

/** Looks at the page that stands open: its manners, its accessibility, its pictures. `quotes`: it shows what others wrote. */
async function look(visitor, name, { ours = true, quotes = false } = {}) {
  const { page } = visitor;
  await page.waitForLoadState('load');
  if (ours) await checks.check(`${name}: strict content security policy`, () => none(visitor.laxPolicy()));
  if (ours && !quotes) await checks.check(`${name}: speaks the person's language`, async () => none(await untranslated(visitor, name)));
  await checks.check(`${name}: fields carry their hints`, async () => none(await visitor.missingHints()));
  await checks.check(`${name}: fits 320 pixels`, async () => {
    if (await visitor.overflows(320)) throw new Error('scrolls sideways');
  });
  const barriers = [];
  for (const [size, viewport] of Object.entries(SIZES)) {
    await page.setViewportSize(viewport);
    for (const colorScheme of visitor.javaScript ? SCHEMES : []) {
      await page.emulateMedia({ colorScheme });
      barriers.push(...(await violations(page)).map((one) => `${size}, ${colorScheme}: ${one}`));
      await shot(page, `${name}.${visitor.language}.${size}.${colorScheme}`);
    }
  }
  if (visitor.javaScript) await checks.check(`${name}: accessible`, () => none(barriers));
  await page.emulateMedia({ colorScheme: 'light' });
  await page.setViewportSize(SIZES.desktop);
  if (!visitor.javaScript) await shot(page, `${name}.without-javascript`);
  await checks.check(`${name}: quiet console`, async () => none(await visitor.newProblems()));
}

/** From the shop's page to an account and back, then a second browser and the end of its session. */
async function wholeWay(mode) {
  const person = await Visitor.arrive(browser, base, mode);
  const email = address('walk');

  await checks.step('the shop links to sign-up', async () => {
    await person.open('/');
    await look(person, 'home', { ours: false });
    await person.page.locator('a[href*="/sign-up"]:visible').first().click();
    await person.expect('email');
  });
  await look(person, 'sign-up');
  await checks.step('an address leads to the password', async () => {
    await person.answer({ email });
    await person.expect('new_password');
  });
  await look(person, 'sign-up-password');
  await checks.step('a common password is refused aloud', async () => {
    await person.complaint(() => person.answer({ new_password: COMMON_PASSWORD }));
    await person.expect('new_password');
  });
  await look(person, 'sign-up-password-refused');
  await checks.step('a good password leads to the code', async () => {
    await person.answer({ new_password: PASSWORD });
    await person.expect('code');
  });
  await look(person, 'code');
  await checks.check('no session before the address is confirmed', async () => {
    if (await person.session()) throw new Error('there is a session cookie');
  });
  const { code } = await checks.step('the message holds one code and one link', async () =>
    mailbox.verification(await mailbox.message(email)),
  );
  await checks.check('one message was sent', async () => {
    const { length } = await mailbox.to(email);
    if (length !== 1) throw new Error(`${length} messages`);
  });
  await checks.step('a wrong code is refused aloud', async () => {
    await person.complaint(() => person.answer({ code: otherCode(code) }));
    if (await person.session()) throw new Error('a wrong code opened a session');
    await person.expect('code');
  });
  await look(person, 'code-refused');
  await checks.step('the code signs in', async () => {
    await person.answer({ code });
    await person.arrived();
  });
  await look(person, 'after-sign-up', { ours: false });
  await checks.check('the session cookie is out of reach', async () => {
    const { httpOnly, sameSite, path } = await person.session();
    if (!httpOnly || sameSite !== 'Lax' || path !== '/') throw new Error(JSON.stringify({ httpOnly, sameSite, path }));
  });
  await checks.step('the account shows the address', () => person.account(email));
  await look(person, 'account');
  await checks.step('sign-out ends the session', async () => {
    await person.signOut();
    await look(person, 'signed-out', { ours: false });
    await person.strangerAtAccount();
  });

  await look(person, 'sign-in');
  await checks.step('the address leads to the password', () => person.identify(email));
  await look(person, 'sign-in-password');
  await checks.step('a wrong password is refused aloud', async () => {
    await person.complaint(() => person.answer({ password: WRONG_PASSWORD }));
    if (await person.session()) throw new Error('a wrong password opened a session');
  });
  await look(person, 'sign-in-refused');
  await checks.step('the right password signs in', async () => {
    await person.signIn(email, PASSWORD);
  });
  await checks.check('sign-in returns to the page that asked for it', () =>
    until('/account', () => person.path === '/account', 5_000),
  );
  await checks.step('the account is there again', () => person.account(email));
  const before = await checks.step('the sessions are listed', () => person.sessions());

  const elsewhere = await Visitor.arrive(browser, base, mode);
  await checks.step('a second browser signs in', async () => {
    await elsewhere.open('/sign-in');
    await elsewhere.signIn(email, PASSWORD);
    await elsewhere.account(email);
  });
  const second = await checks.step('the list has one session more', async () => {
    const added = (await person.sessions()).filter((id) => !before.includes(id));
    if (added.length !== 1) throw new Error(`${added.length} more than the ${before.length} before`);
    return added[0];
  });
  await look(person, 'sessions');
  await checks.step('the other session is ended', async () => {
    await person.endSession(second);
    if ((await person.sessions()).includes(second)) throw new Error('it is still listed');
  });
  await checks.check('the second browser is refused at its next page', () => elsewhere.strangerAtAccount());
  await checks.check('the first browser is still signed in', () => person.account(email));

  await person.leave();
  await elsewhere.leave();
}

/** The link of the message, opened in the browser that asked for it. */
async function linkHere(mode) {
  const person = await Visitor.arrive(browser, base, mode);
  const email = address('here');
  await checks.step('sign-up asks for the code', () => person.signUp(email, PASSWORD));
  const { link } = await checks.step('the message came', async () =>
    mailbox.verification(await mailbox.message(email)),
  );
  await checks.step('the link signs in', async () => {
    const mail = await person.tab();
    await person.open(link, mail);
    await mail.waitForLoadState('load');
    if ((await person.main(mail).count()) > 0) await person.main(mail).click();
    await person.arrived(mail);
    await person.account(email);
  });
  await checks.check('quiet console', async () => none(await person.newProblems()));
  await person.leave();
}

/** The link of the message, opened in a browser that did not ask for it. */
async function linkElsewhere(mode) {
  const person = await Visitor.arrive(browser, base, mode);
  const other = await Visitor.arrive(browser, base, mode);
  const email = address('elsewhere');
  await checks.step('sign-up asks for the code', () => person.signUp(email, PASSWORD));
  const { link } = await checks.step('the message came', async () =>
    mailbox.verification(await mailbox.message(email)),
  );
  await checks.step('following the link twice consumes nothing', async () => {
    for (let time = 0; time < 2; time += 1) {
      const answer = await other.open(link);
      if (answer.status() !== 200) throw new Error(`it answers ${answer.status()}`);
      await other.main().waitFor();
    }
    if (await person.session()) throw new Error('following the link opened a session in the browser that asked');
  });
  await look(other, 'link');
  await checks.step('the address is confirmed by a button', async () => {
    const asked = await other.says();
    const [answer] = await Promise.all([
      other.page.waitForResponse((response) => response.request().method() === 'POST'),
      other.main().click(),
    ]);
    if (answer.status() >= 400) throw new Error(`it answers ${answer.status()}`);
    await until('another page', async () => (await other.says()) !== asked);
  });
  await look(other, 'link-confirmed');
  await checks.check('the browser that only followed the link gets no session', async () => {
    if (await other.session()) throw new Error('it has a session cookie');
    await other.strangerAtAccount();
  });
  await checks.step('the tab that asked goes on', async () => {
    await person.goOn();
    await person.account(email);
  });
  await checks.check('the link is used up', async () => {
    const answer = await other.open(link);
    if (answer.status() >= 500) throw new Error(`it answers ${answer.status()}`);
    if ((await other.main().count()) > 0) await other.main().click();
    await other.strangerAtAccount();
  });
  await person.leave();
  await other.leave();
}

/** The page on which a developer reads what was sent. */
async function developerMailbox(mode) {
  const developer = await Visitor.arrive(browser, base, mode);
  await checks.step('it opens', async () => {
    const answer = await developer.open('/dev/mailbox');
    if (answer.status() !== 200) throw new Error(`it answers ${answer.status()}`);
  });
  await look(developer, 'mailbox', { quotes: true });
  await developer.leave();
}

const own = ownAccount({
  browser,
  base,
  baseOfMany,
  mailbox,
  mailboxOfMany,
  checks,
  look,
  address,
  none,
  password: PASSWORD,
});

const MODES = [
  { javaScript: true, locale: 'en-GB' },
  { javaScript: true, locale: 'nl-NL' },
  { javaScript: false, locale: 'en-GB' },
];
const journeys = {
  'whole way': wholeWay,
  'link in the same browser': linkHere,
  'link in another browser': linkElsewhere,
  "developer's mailbox": developerMailbox,
  ...own,
};

const only = process.env.WALK ?? '';
if (!Object.keys(journeys).some((name) => name.includes(only))) {
  console.error(`WALK is in the name of no journey: ${Object.keys(journeys).join(', ')}`);
  process.exit(2);
}

for (const mode of MODES) {
  const how = `${mode.locale}, ${mode.javaScript ? 'with' : 'without'} JavaScript`;
  for (const [name, walk] of Object.entries(journeys)) {
    if (!name.includes(only)) continue;
    await checks.journey(`${name}, ${how}`, () => walk(mode));
    for (const context of browser.contexts()) await context.close();
  }
}
await browser.close();
process.exitCode = checks.close() ? 0 : 1;
