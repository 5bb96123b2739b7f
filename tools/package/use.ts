// Uses the installed package as strangers do: imports every entry in Node, type-checks against it, bundles it.

import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import { command, type Finding, repository, tool, type Workplace } from './workplace.js'

const clientGzipAim = 12_000
/** What the hooks add to the client, React aside. */
const hooksGzipMax = 5_500
/** What it was with the stored outbox, and a little: whoever makes it grow says so here. */
const clientGzipMax = 23_900

/** The package's JavaScript entries by the name that people import: `holdfast/server`. */
export function entryNames(): string[] {
  const manifest = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8')) as { exports: object }
  return Object.keys(manifest.exports)
    .filter((entry) => entry !== './package.json')
    .map((entry) => `holdfast${entry.slice(1)}`)
}

/** Each entry loads in plain Node, alone, exports something and leaves nothing running. */
export async function importEntries({ consumer }: Workplace): Promise<Finding> {
  const problems = await withoutPeers(consumer)
  for (const name of entryNames()) {
    const script = `const it = await import('${name}'); if (Object.keys(it).length === 0) throw new Error('no exports')`
    const ran = await command(process.execPath, ['--input-type=module', '--eval', script], consumer)
    if (ran.kind === 'failed') problems.push(`import '${name}' in Node: ${ran.output}`)
    else if (ran.output !== '') problems.push(`import '${name}' prints: ${ran.output}`)
  }
  return problems.length === 0 ? { kind: 'passed', note: entryNames().join(', ') } : { kind: 'failed', problems }
}

/** Without React, what Node prints names the command to type. Then React is put there, for the checks that follow. */
async function withoutPeers(consumer: string): Promise<string[]> {
  const ran = await command(process.execPath, ['--input-type=module', '--eval', "import 'holdfast/react'"], consumer)
  if (ran.kind === 'ok') return ["import 'holdfast/react' works without React: is the check still right?"]
  for (const peer of ['react', '@types/react']) {
    mkdirSync(dirname(join(consumer, 'node_modules', peer)), { recursive: true })
    symlinkSync(join(repository, 'node_modules', peer), join(consumer, 'node_modules', peer), 'dir')
  }
  return ran.output.includes('npm-install-react') ? [] : [`without React it does not say what to type: ${ran.output}`]
}

interface Consumer {
  readonly name: string
  readonly entries: (all: readonly string[]) => readonly string[]
  readonly options: object
}

const strict = {
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  target: 'es2023',
  noEmit: true,
}

const node = {
  ...strict,
  module: 'nodenext',
  lib: ['ES2023'],
  types: ['node'],
  typeRoots: [join(repository, 'node_modules/@types')],
}

const consumers: readonly Consumer[] = [
  {
    // Every declaration file is checked too: nothing of Node may leak into what browsers import.
    name: 'browser',
    entries: () => ['holdfast', 'holdfast/protocol'],
    options: {
      ...strict,
      module: 'esnext',
      moduleResolution: 'bundler',
      customConditions: ['browser'],
      lib: ['ES2023', 'DOM', 'DOM.Iterable'],
      types: [],
    },
  },
  {
    // Every declaration file here too: what the package uses inside needs no types of its own at the consumer.
    name: 'node',
    entries: (all) => all.filter((name) => name !== 'holdfast/store/lmdb'),
    options: node,
  },
  {
    // The driver's own declarations are an error where they are checked.
    name: 'lmdb',
    entries: () => ['holdfast', 'holdfast/store/lmdb'],
    options: { ...node, skipLibCheck: true },
  },
]

/** A small strict consumer compiles against every entry, for browsers and for Node. */
export async function typeCheck({ consumer }: Workplace): Promise<Finding> {
  const problems: string[] = []
  for (const { name, entries, options } of consumers) {
    const names = entries(entryNames())
    const imports = names.map((entry, index) => `import * as entry${index} from '${entry}'`)
    const uses = names.map((_, index) => `export const all${index}: object = entry${index}`)
    const calls = [
      "import { connect } from 'holdfast'",
      'export const parameters: Parameters<typeof connect> | null = null',
    ]
    writeFileSync(join(consumer, `${name}.ts`), [...imports, ...uses, ...calls, ''].join('\n'))
    const config = join(consumer, `tsconfig.${name}.json`)
    writeFileSync(config, JSON.stringify({ compilerOptions: options, files: [`${name}.ts`] }))
    const ran = await tool('typescript/bin/tsc', ['-p', config], consumer)
    if (ran.kind === 'failed') problems.push(...ran.output.split('\n').map((line) => `${name}: ${line}`))
  }
  return problems.length === 0 ? { kind: 'passed', note: 'browser and Node, strict' } : { kind: 'failed', problems }
}

/** Browsers can load client and protocol; the client stays small, and a page gets nothing that it does not use. */
export async function bundle({ consumer }: Workplace): Promise<Finding> {
  const sizes: string[] = []
  let clientGzip = 0
  const problems: string[] = []
  for (const name of ['holdfast', 'holdfast/protocol', 'holdfast/react']) {
    const bundled = await bundleOf(consumer, `export * from '${name}'`)
    if (bundled.kind === 'failed') {
      problems.push(...bundled.problems.map((problem) => `${name}: ${problem}`))
      continue
    }
    sizes.push(`${name} ${kilobytes(bundled.gzipBytes)}`)
    if (name === 'holdfast' && bundled.gzipBytes > clientGzipMax) {
      problems.push(`the client is ${kilobytes(bundled.gzipBytes)}, at most ${kilobytes(clientGzipMax)}; see what grew`)
    }
    if (name === 'holdfast') clientGzip = bundled.gzipBytes
    if (name === 'holdfast/react' && bundled.gzipBytes - clientGzip > hooksGzipMax) {
      const added = kilobytes(bundled.gzipBytes - clientGzip)
      problems.push(`the hooks add ${added} to the client, at most ${kilobytes(hooksGzipMax)}; see what grew`)
    }
  }
  const connecting = await bundleOf(consumer, "import { connect } from 'holdfast'\nconnect('/')")
  if (connecting.kind === 'failed') problems.push(...connecting.problems)
  else {
    sizes.push(`connect alone ${kilobytes(connecting.gzipBytes)}`)
    const strays = connecting.files.filter(
      (file) => !/holdfast\/dist\/(client\/(?!node)|protocol\/)|<stdin>/.test(file),
    )
    problems.push(...strays.map((file) => `a page that only connects gets ${file}; keep it out of the browser's entry`))
    if (connecting.gzipBytes > clientGzip + 100) problems.push('a page that only connects gets more than the entry has')
  }
  const note = `${sizes.join(', ')} minified and gzipped (the client aims at < ${kilobytes(clientGzipAim)})`
  return problems.length === 0 ? { kind: 'passed', note } : { kind: 'failed', problems }
}

type Bundled =
  | { kind: 'bundled'; gzipBytes: number; files: readonly string[] }
  | { kind: 'failed'; problems: readonly string[] }

async function bundleOf(consumer: string, contents: string): Promise<Bundled> {
  try {
    const { outputFiles, metafile } = await build({
      stdin: { contents, resolveDir: consumer },
      bundle: true,
      write: false,
      metafile: true,
      minify: true,
      format: 'esm',
      target: 'es2022',
      external: ['react'],
      platform: 'browser', // an import of node:* fails here
      logLevel: 'silent',
    })
    const bytes = outputFiles[0]?.contents
    if (bytes === undefined) return { kind: 'failed', problems: ['esbuild gave no output'] }
    const [output] = Object.values(metafile.outputs)
    // What was shaken off to nothing is not there.
    const files = Object.entries(output?.inputs ?? {}).flatMap(([file, { bytesInOutput }]) =>
      bytesInOutput > 0 ? [file] : [],
    )
    return { kind: 'bundled', gzipBytes: gzipSync(bytes, { level: 9 }).byteLength, files }
  } catch (error) {
    const { errors = [] } = error as { errors?: readonly { text: string; location: { file: string } | null }[] }
    const problems = errors.map(({ text, location }) => `${location?.file ?? ''} ${text}`)
    return { kind: 'failed', problems: problems.length === 0 ? [String(error)] : problems }
  }
}

/** The command that the package brings starts and explains itself. */
export async function commandLine({ consumer }: Workplace): Promise<Finding> {
  const path = join(consumer, 'node_modules/.bin/holdfast')
  if (!existsSync(path)) return { kind: 'failed', problems: ['the package brings no command `holdfast`'] }
  const ran = await command(path, ['--help'], consumer)
  return ran.kind === 'ok'
    ? { kind: 'passed', note: 'holdfast --help' }
    : { kind: 'failed', problems: [`holdfast --help: ${ran.output}`] }
}

function kilobytes(bytes: number): string {
  return `${(bytes / 1000).toFixed(1)} kB`
}
