// What people do with their own account: a lost password, another one, their name, and by what they are found.

import { until } from './checks.mjs';
import { Visitor } from './portal.mjs';

const NEW_PASSWORD = 'umber-lantern-42-fjord-meadow';
const ANOTHER_PASSWORD = 'saffron-anchor-63-quiet-orchard';
const WRONG_PASSWORD = 'copper-lantern-58-window-moss';

/** The journeys, by name; each takes the mode: whether scripts run, and the language. */
export function ownAccount({ browser, base, baseOfMany, mailbox, mailboxOfMany, checks, look, address, none, password }) {
  /** A person who has just signed up. */
  async function customer(who, mode) {
    const email = address(who);
    const person = await Visitor.arrive(browser, base, mode);
    await checks.step('a person signs up', async () => {
      await person.signUp(email, password);
      await person.answer({ code: mailbox.verification(await mailbox.message(email)).code });
      await person.arrived();
    });
    return { person, email };
  }

  /** Waits until the newest message to an address is another one than this. */
  async function messageAfter(former, email) {
    return until(`another message to ${email}`, async () => {
      const [newest] = await mailbox.to(email);
      return newest && newest.text !== former?.text ? newest : null;
    });
  }

  const status = (visitor) => visitor.page.locator('[role="status"]').first().innerText();

  /** "Forgot your password?", the code, a new password; the other browser is signed out. */
  async function recoveryByCode(mode) {
    const { person: elsewhere, email } = await customer('forgot', mode);
    const person = await Visitor.arrive(browser, base, mode);
    await checks.step('sign-in leads to recovery, which knows the address', async () => {
      await person.open('/sign-in');
      await person.identify(email);
      await person.page.locator('a[href*="/recover"]:visible').first().click();
      await person.expect('email');
      const shown = await person.field('email').inputValue();
      if (shown !== email) throw new Error(`the field holds ${shown}`);
      if (decodeURIComponent(person.page.url()).includes(email)) throw new Error('the address is in the URL');
    });
    await look(person, 'recover');
    const [former] = await mailbox.to(email);
    await checks.step('a message is sent', async () => {
      await person.main().click();
      await person.expect('code');
    });
    await look(person, 'recover-code');
    const { code } = mailbox.verification(await messageAfter(former, email));
    await checks.step('the code leads to a new password', async () => {
      await person.answer({ code });
      await person.expect('new_password');
      if (await person.session()) throw new Error('the code alone opened a session');
    });
    await look(person, 'recover-password');
    await checks.step('a common password is refused aloud', async () => {
      await person.complaint(() => person.answer({ new_password: 'passwordpassword' }));
    });
    await checks.step('the new password signs in', async () => {
      await person.answer({ new_password: NEW_PASSWORD });
      await person.arrived();
      await person.account(email);
    });
    await checks.check('the other browser is signed out', () => elsewhere.strangerAtAccount());
    await checks.step('and signs in with the new password only', async () => {
      await elsewhere.identify(email);
      await elsewhere.complaint(() => elsewhere.answer({ password }));
      await elsewhere.answer({ password: NEW_PASSWORD });
      await elsewhere.arrived();
      await elsewhere.account(email);
    });
    await checks.check('the owner is told', async () => {
      await until('a notice', async () => (await mailbox.to(email)).some(({ text }) => text.includes('/recover')));
    });
    await person.leave();
    await elsewhere.leave();
  }

  /** The link of a recovery, followed on another device. */
  async function recoveryElsewhere(mode) {
    const { person, email } = await customer('lost', mode);
    const phone = await Visitor.arrive(browser, base, mode);
    await person.signOut();
    const [former] = await mailbox.to(email);
    await checks.step('a recovery is asked for', async () => {
      await person.open('/recover');
      await person.answer({ email });
      await person.expect('code');
    });
    const { link } = mailbox.verification(await messageAfter(former, email));
    await checks.step('the link asks first, on the other device', async () => {
      await phone.open(link);
      await phone.main().waitFor();
      if (await phone.asks('new_password')) throw new Error('it did not ask');
    });
    await look(phone, 'recover-link');
    await checks.step('a button leads to the new password', async () => {
      await phone.main().click();
      await phone.expect('new_password');
    });
    await checks.step('the page that waited says where it goes on', async () => {
      if (!mode.javaScript) await person.page.reload();
      await until('the page to change', async () => !(await person.asks('code')));
      if (await person.session()) throw new Error('the browser that asked has a session');
    });
    await look(person, 'recover-elsewhere');
    await checks.step('the password is set there, and nobody signed in', async () => {
      await phone.answer({ new_password: NEW_PASSWORD });
      await phone.page.locator('a[href*="/sign-in"]:visible').first().waitFor();
      if (await phone.session()) throw new Error('the other device has a session');
    });
    await look(phone, 'recover-completed');
    await checks.step('the new password signs in', async () => {
      await person.page.locator('a[href*="/sign-in"]:visible').first().click();
      await person.signIn(email, NEW_PASSWORD);
      await person.account(email);
    });
    await person.leave();
    await phone.leave();
  }

  /** The link of a recovery in the browser that asked for it. */
  async function recoveryHere(mode) {
    const { person, email } = await customer('linked', mode);
    const [former] = await mailbox.to(email);
    await checks.step('somebody who is signed in can recover, too', async () => {
      await person.open('/recover');
      await person.answer({ email });
      await person.expect('code');
    });
    const { link } = mailbox.verification(await messageAfter(former, email));
    await checks.step('the link goes on at once', async () => {
      await person.open(link);
      await person.main().click();
      await person.expect('new_password');
      await person.answer({ new_password: NEW_PASSWORD });
      await until('the account', () => person.path === '/account');
      await person.account(email);
    });
    await person.leave();
  }

  /** Another password, by who knows the present one; and what happened lately. */
  async function passwordChange(mode) {
    const { person, email } = await customer('change', mode);
    const elsewhere = await Visitor.arrive(browser, base, mode);
    await checks.step('a second browser signs in', async () => {
      await elsewhere.open('/sign-in');
      await elsewhere.signIn(email, password);
    });
    await checks.step('the well-known address leads to the form', async () => {
      await person.open('/.well-known/change-password');
      await person.expect('new_password');
      if (person.path !== '/account/security') throw new Error(person.path);
    });
    await look(person, 'security');
    await checks.step('a wrong present password is refused aloud', async () => {
      await person.complaint(() => person.answer({ password: WRONG_PASSWORD, new_password: ANOTHER_PASSWORD }));
    });
    await look(person, 'security-refused');
    await checks.step('the password is changed', async () => {
      await person.answer({ password, new_password: ANOTHER_PASSWORD });
      await until('a notice', () => status(person).catch(() => null));
      await person.account(email);
    });
    await checks.check('the second browser is signed out', () => elsewhere.strangerAtAccount());
    await checks.step('the history tells of it', async () => {
      await person.open('/account/security');
      const rows = await person.page.locator('main li').count();
      if (rows < 4) throw new Error(`${rows} rows`);
    });
    await look(person, 'history');
    await person.leave();
    await elsewhere.leave();
  }

  /** A name, a second address by its code, and its removal after a fresh proof. */
  async function profile(mode) {
    const { person, email } = await customer('profile', mode);
    const second = address('second');
    await checks.step('a name is given', async () => {
      await person.open('/account/profile');
      await person.answer({ name: 'Ada Lovelace' });
      await until('a notice', () => status(person).catch(() => null));
      if ((await person.field('name').inputValue()) !== 'Ada Lovelace') throw new Error('it is not kept');
    });
    await checks.step('a name that is none is refused aloud', async () => {
      await person.complaint(() => person.answer({ name: 'x'.repeat(65) }));
    });
    await checks.step('an address is added', async () => {
      await person.open('/account/profile');
      await person.page.locator('a[href*="/account/add?only=email"]').click();
      await person.expect('email');
    });
    await look(person, 'add-address');
    await checks.step('one that is there is refused aloud', async () => {
      await person.complaint(() => person.answer({ email }));
    });
    await checks.step('its code confirms it', async () => {
      await person.answer({ email: second });
      await person.expect('code');
      await person.answer({ code: mailbox.verification(await mailbox.message(second)).code });
      await until('the profile', () => person.path === '/account/profile');
      await person.page.getByText(second).first().waitFor();
    });
    await look(person, 'profile');
    const removeFirst = await person.page
      .locator('li', { hasText: email })
      .locator('a[href$="/remove"]')
      .getAttribute('href');
    await checks.step('before it is removed, a fresh proof can be given', async () => {
      const remove = await person.page
        .locator('li', { hasText: second })
        .locator('a[href$="/remove"]')
        .getAttribute('href');
      await person.open(`/step-up?return_to=${encodeURIComponent(remove)}`);
      await person.expect('password');
    });
    await look(person, 'step-up');
    await checks.step('a wrong password is refused aloud', async () => {
      await person.complaint(() => person.answer({ password: WRONG_PASSWORD }));
    });
    await checks.step('the right one leads back to the question', async () => {
      await person.answer({ password });
      await until('the question', () => person.path.endsWith('/remove'));
      await person.page.getByText(second).first().waitFor();
    });
    await look(person, 'remove-address');
    await checks.step('the address is removed', async () => {
      await person.main().click();
      await until('the profile', () => person.path === '/account/profile');
      if ((await person.page.getByText(second).count()) > 0) throw new Error('it is still there');
    });
    await checks.step('the last one stays, and no link says otherwise', async () => {
      if ((await person.page.locator('a[href$="/remove"]').count()) > 0) throw new Error('it can be removed');
      const answer = await person.open(removeFirst);
      if (answer.status() !== 409) throw new Error(`it answers ${answer.status()}`);
    });
    await look(person, 'last-address');
    await checks.check('the owner was told of both', async () => {
      await until('two notices', async () => (await mailbox.to(email)).filter(({ text }) => text.includes('/recover')).length >= 2);
    });
    await person.leave();
  }

  /** A shop whose people are found by an address or a phone number, and by a username if they like. */
  async function phoneAndUsername(mode) {
    const person = await Visitor.arrive(browser, baseOfMany, mode);
    const digits = () => Math.floor(Math.random() * 1e7).toString().padStart(7, '0');
    const phone = `+3161${digits()}`;
    const name = `ada.${digits()}`;
    await checks.step('one field takes both', async () => {
      await person.open('/sign-up');
      await person.expect('identifier');
    });
    await look(person, 'sign-up-many');
    await checks.step('a number leads to a password and a username', async () => {
      await person.answer({ identifier: `${phone.slice(0, 3)} ${phone.slice(3)}` });
      await person.expect('new_password');
      await person.expect('username');
    });
    await look(person, 'sign-up-username');
    await checks.step('a text message holds the code', async () => {
      await person.answer({ username: name, new_password: password });
      await person.expect('code');
      const message = await mailboxOfMany.message(phone);
      if (message.channel !== 'sms') throw new Error(message.channel);
      await person.answer({ code: mailboxOfMany.verification(message).code });
      await person.arrived();
    });
    await checks.step('the username is a way in', async () => {
      await person.signOut();
      await person.open('/sign-in');
      await person.answer({ identifier: name.toUpperCase() });
      await person.expect('password');
      await person.answer({ password });
      await person.arrived();
    });
    await checks.step('the profile shows both', async () => {
      await person.open('/account/profile');
      for (const text of [phone, name]) await person.page.getByText(text).first().waitFor();
    });
    await look(person, 'profile-many');
    await checks.step('a number has a field of its own', async () => {
      await person.open('/account/add?only=phone');
      await person.expect('phone');
    });
    await look(person, 'add-phone');
    await checks.step('another number is added by a text message', async () => {
      const second = `+3162${digits()}`;
      await person.complaint(() => person.answer({ phone: '06 12345678' }));
      await person.answer({ phone: second });
      await person.expect('code');
      await person.answer({ code: mailboxOfMany.verification(await mailboxOfMany.message(second)).code });
      await until('the profile', () => person.path === '/account/profile');
      await person.page.getByText(second).first().waitFor();
    });
    await checks.step('another username takes the place of the former', async () => {
      await person.open('/account/add?only=username');
      await person.answer({ username: `countess.${name}` });
      await until('the profile', () => person.path === '/account/profile');
      await person.page.getByText(`countess.${name}`).first().waitFor();
    });
    await checks.check('quiet console', async () => none(await person.newProblems()));
    await person.leave();
  }

  return {
    'recovery by the code': recoveryByCode,
    'recovery by the link on another device': recoveryElsewhere,
    'recovery by the link in the same browser': recoveryHere,
    'another password': passwordChange,
    'name and addresses': profile,
    ...(baseOfMany ? { 'phone number and username': phoneAndUsername } : {}),
  };
}
