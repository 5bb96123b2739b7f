// The simulator as one file, built anew for each use: the code as it is, with probes or planted bugs put in on the way.
// It is the one way in which the simulator runs.

import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build, type Plugin } from 'esbuild'
import type * as entry from './entry.js'
import { type Edit, edited, editOf, type Patch } from './patches.js'
import { editOfProbe, type Probe, probes as allProbes } from './probes.js'

export interface Bundle {
  readonly file: string
  /** In this process. */
  load(): Promise<typeof entry>
  /** Removes it. Idempotent. */
  remove(): void
}

export interface Planted {
  readonly name: string
  readonly patches: readonly Patch[]
}

export const repository = fileURLToPath(new URL('..', import.meta.url))

/** With every probe and no bug, or with one bug and no probe. Throws StalePatch. */
export async function bundle(bug: Planted | null = null): Promise<Bundle> {
  // Below the repository: packages are found from there.
  const cache = join(repository, 'node_modules/.cache/sim')
  mkdirSync(cache, { recursive: true })
  const folder = mkdtempSync(join(cache, 'run-'))
  const remove = () => rmSync(folder, { recursive: true, force: true })
  const file = join(folder, 'simulator.mjs')
  const probes = bug === null ? allProbes : []
  try {
    await build({
      entryPoints: [join(repository, 'sim/entry.ts')],
      outfile: file,
      bundle: true,
      platform: 'node',
      target: 'node20',
      format: 'esm',
      packages: 'external',
      sourcemap: true,
      logLevel: 'silent',
      banner: { js: `const simProbes = new Array(${probes.length}).fill(0), ${hitText};` },
      plugins: [patching(textsOf(bug === null ? [] : [bug], probes))],
    })
  } catch (error) {
    remove()
    throw error
  }
  return { file, remove, load: () => import(pathToFileURL(file).href) }
}

/** The code as it is, in this process, with the sources named where an error comes from. */
export async function inSimulator<T>(act: (simulator: typeof entry) => Promise<T>): Promise<T> {
  process.setSourceMapsEnabled(true)
  const bundled = await bundle()
  try {
    return await act(await bundled.load())
  } finally {
    bundled.remove()
  }
}

const hitText = 'simHit = (index) => { simProbes[index] += 1; return true }'

/** The patched text of each file that a bug or a probe changes, by its path in the repository. Throws StalePatch. */
export function textsOf(bugs: readonly Planted[], probes: readonly Probe[]): ReadonlyMap<string, string> {
  const originals = new Map<string, string>()
  const edits = new Map<string, Edit[]>()
  const add = (file: string, edit: (text: string) => Edit) => {
    const text = originals.get(file) ?? readFileSync(join(repository, file), 'utf8')
    originals.set(file, text)
    edits.set(file, [...(edits.get(file) ?? []), edit(text)])
  }
  for (const { name, patches } of bugs)
    for (const patch of patches) add(patch.file, (text) => editOf(text, patch, name))
  for (const [index, probe] of probes.entries()) add(probe.file, (text) => editOfProbe(text, probe, index))
  return new Map([...originals].map(([file, text]) => [file, edited(text, edits.get(file) ?? [])]))
}

function patching(texts: ReadonlyMap<string, string>): Plugin {
  const byPath = new Map([...texts].map(([file, text]) => [join(repository, file), text]))
  return {
    name: 'patches',
    setup(building) {
      const used = new Set<string>()
      building.onLoad({ filter: /\.ts$/ }, ({ path }) => {
        const contents = byPath.get(path)
        if (contents === undefined) return null
        used.add(path)
        return { contents, loader: 'ts' }
      })
      building.onEnd(() => {
        const unused = [...byPath.keys()].filter((path) => !used.has(path))
        if (unused.length > 0) throw new Error(`the simulator does not run ${unused.join(', ')}, which is patched`)
      })
    },
  }
}
