// A real Chromium for the tests: one process per test file, one profile per context. It knows nothing of Holdfast.

import { type Browser, chromium } from 'playwright-core'
import { binaryOf } from '../../tools/machine.js'

/** `CHROMIUM_PATH`, or the first Chromium on this machine. Throws with the command that installs one. */
export function launchChromium(args: readonly string[] = []): Promise<Browser> {
  return chromium.launch({
    executablePath: binaryOf('chromium'),
    // Pages come back from it as they do for people.
    ignoreDefaultArgs: ['--disable-back-forward-cache'],
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      // Two pages of one test are never both in front; neither may be slowed down for it.
      '--disable-background-timer-throttling',
      '--disable-backgrounding-occluded-windows',
      '--disable-renderer-backgrounding',
      ...args,
    ],
  })
}
