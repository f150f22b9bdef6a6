// What the portal sent, read from its development mailbox.

import { until } from './checks.mjs';

export class Mailbox {
  #base;

  constructor(base) {
    this.#base = base;
  }

  /** All messages to an address, newest first. */
  async to(address) {
    const answer = await fetch(new URL('/dev/mailbox.json', this.#base));
    if (!answer.ok) throw new Error(`/dev/mailbox.json answers ${answer.status}`);
    return (await answer.json()).filter((message) => message.to === address);
  }

  /** The newest message to an address, once there is one: messages follow the commit. */
  async message(address) {
    return until(`a message to ${address}`, async () => (await this.to(address))[0]);
  }

  /** The one 6-digit code and the one link of a verification message. */
  verification({ text }) {
    const links = text.match(/https?:\/\/[^\s<>"]+/g) ?? [];
    const codes = links.reduce((rest, link) => rest.replace(link, ' '), text).match(/\b\d{6}\b/g) ?? [];
    if (codes.length !== 1) throw new Error(`${codes.length} codes of 6 digits in:\n${text}`);
    if (links.length !== 1) throw new Error(`${links.length} links in:\n${text}`);
    if (!links[0].startsWith(this.#base)) throw new Error(`the link leads elsewhere: ${links[0]}`);
    return { code: codes[0], link: links[0] };
  }
}

/** A code that is not this one. */
export function otherCode(code) {
  return String((Number(code) + 1) % 1_000_000).padStart(6, '0');
}
