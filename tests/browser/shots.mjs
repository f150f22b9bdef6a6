// Screenshots to be looked at, in a folder that git ignores.

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const FOLDER = process.env.SHOTS ?? fileURLToPath(new URL('./shots', import.meta.url));

export const SIZES = { desktop: { width: 1280, height: 800 }, phone: { width: 390, height: 844 } };
export const SCHEMES = ['light', 'dark'];

/** Keeps the whole page as `<name>.png`. */
export async function shot(page, name) {
  await mkdir(FOLDER, { recursive: true });
  await page.screenshot({ path: join(FOLDER, `${name}.png`), fullPage: true, animations: 'disabled' });
}

/** A name that a file may have. */
export function fileName(text) {
  return text.toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^-|-$/g, '').slice(0, 100);
}
