// The trust page's part on kills and power cuts.

import type { CrashVolume } from '../../test/crash/volumes.js'
import type { Facts } from './facts.js'
import { grouped, table } from './markdown.js'

export function crashPart({ crashes, crashPoints }: Pick<Facts, 'crashes' | 'crashPoints'>): string {
  const rows = Object.values(crashes).map((volume) => rowOf(volume))
  const heads = [
    'command',
    'acked',
    'lost',
    'twice',
    'forks',
    'sessions lost',
    'false leaves',
    'other',
    'gaps',
    'unsure',
  ]
  const runs = rows.length === 0 ? 'No run is recorded.\n' : table([...heads, 'seconds', 'commit'], rows)
  return `## Crash tests

A real server process on a real data directory serves twelve real clients over real sockets, who publish all the time, and visitors who come,
leave, or just go away. In each round the process is ended, at a random moment or at a named point, and started again on the same directory.
Every client keeps a ledger of all that it was told: acknowledgements with their positions, entries, gaps, its session, who is there. In the end
the ledgers are compared with the whole log, read over HTTP: an acknowledged publish is there once, at its place; nobody was handed an entry twice,
out of order or across a hole; no place was ever two entries; every session is the same, no member was shown as away or gone, and whoever did go
was told by one event; a name that was granted stays under its fence.

A **kill** is SIGKILL. The points: ${crashPoints.map((point) => `\`${point}\``).join(' ')} (\`asked\`: the store has not begun; \`answered\`: it is done, and nobody was told).

A **power cut** is made on the real file of LMDB. When all is flushed the process copies the file, as a disk would have it that wrote nothing else,
and is killed within the next batch, before that one's flush is told. What was written between lies in the kernel's memory; of it the file gets nothing,
everything, some pages, only the first ones with one half written, or some sectors of 512 bytes, with the file's new length or the old one. Then the
mark by which LMDB knows that the machine was not off is changed, so that it recovers as after a reboot. Rooms at \`disk\` must be as after a kill;
of rooms at \`process\` the tail may be lost, and must then be told as a gap. Not modelled: a disk that confirms a flush it did not make, and one that
damages what it had already written.

${runs}
\`npm test\` runs 40 of each, and plants two mistakes (an answer before the flush, a batch that is not whole) that must be noticed. \`unsure\`: publishes of which
the client was told that nobody knows (three connections broke in a row while the server was at it).
`
}

function rowOf(volume: CrashVolume): string[] {
  const { command, acked, lost, duplicated, forks, sessionsLost, falseLeaves, other, gaps, unsure, seconds, commit } =
    volume
  const counts = [acked, lost, duplicated, forks, sessionsLost, falseLeaves, other, gaps, unsure]
  return [`\`${command}\``, ...counts.map((count) => grouped(count)), `${seconds}`, commit]
}
