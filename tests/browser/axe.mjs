// Accessibility of the page as it stands. Needs JavaScript, and leaves the content security policy in force:
// what the debugger evaluates is not held to it.

import { createRequire } from 'node:module';

const { source } = createRequire(import.meta.url)('axe-core');

/** The violations that axe-core finds, a line for each element; empty when there is none. */
export async function violations(page) {
  if (!(await page.evaluate(() => 'axe' in window))) await page.evaluate(source);
  return page.evaluate(async () => {
    // A colour half-way through a transition is nobody's colour.
    await Promise.all(document.getAnimations().map((one) => one.finished.catch(() => {})));
    const { violations } = await window.axe.run(document, { preload: false });
    return violations.flatMap(({ id, help, nodes }) =>
      nodes.map((node) => `${id} (${help}): ${node.html}`),
    );
  });
}
