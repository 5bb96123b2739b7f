// The command `npm run reference`: what the docs say of the API and of every number, made from the docstrings and the
// tables of the code. It knows nothing of the guide's words around them.

import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Application, LogLevel } from 'typedoc'
import { readOptions } from './options.js'
import { tables } from './reference-tables.js'

const help = `npm run reference [-- options]

Writes docs/reference (from the docstrings of every entry) and the tables of docs/guide/limits.md (from the code).

  --check   writes nothing; says what is out of date
  --help    this text

Exit code: 0 up to date or written, 1 out of date (with --check), 2 a wrong option.
`

const root = fileURLToPath(new URL('..', import.meta.url))
const referenceFolder = join(root, 'docs/reference')
const limitsPage = join(root, 'docs/guide/limits.md')

async function main(): Promise<number | null> {
  const read = readOptions('npm run reference', help, {
    options: { check: { type: 'boolean' }, help: { type: 'boolean' } },
  })
  if (read === null) return null
  const folder = await mkdtemp(join(tmpdir(), 'reference-'))
  try {
    await writeReference(folder)
    const pages = await pagesOf(folder)
    const limits = withTables(await readFile(limitsPage, 'utf8'))
    if (read.values.check === true) return await check(pages, limits)
    await rm(referenceFolder, { recursive: true, force: true })
    await writeReference(referenceFolder)
    await writeFile(limitsPage, limits)
    process.stdout.write(`reference: ${pages.size} pages written to docs/reference, tables to docs/guide/limits.md\n`)
    return 0
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** One page per entry of the package. */
async function writeReference(folder: string): Promise<void> {
  const manifest = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as {
    exports: Record<string, unknown>
  }
  const app = await Application.bootstrapWithPlugins({
    plugin: ['typedoc-plugin-markdown'],
    entryPoints: Object.values(manifest.exports).flatMap((entry) => sourceOf(entry)),
    tsconfig: join(root, 'tsconfig.json'),
    readme: 'none',
    name: 'API reference',
    disableSources: true,
    excludePrivate: true,
    excludeInternal: true,
    skipErrorChecking: true,
    logLevel: LogLevel.Error,
    // Options of the Markdown plugin.
    ...{
      outputs: [{ name: 'markdown', path: folder }],
      outputFileStrategy: 'modules',
      hidePageHeader: true,
      hideBreadcrumbs: true,
      parametersFormat: 'table',
      interfacePropertiesFormat: 'table',
      typeDeclarationFormat: 'table',
      propertyMembersFormat: 'table',
      indexFormat: 'table',
    },
  })
  const project = await app.convert()
  if (project === undefined) throw new Error('the sources could not be read; run npm run types')
  for (const module of project.children ?? []) module.name = entryName(module.name)
  await app.generateOutputs(project)
}

/** `./dist/server/index.js` → `src/server/index.ts`; an entry with conditions is that of Node. */
function sourceOf(entry: unknown): string[] {
  if (typeof entry === 'string') return []
  const { node, default: fallback } = entry as { node?: { default: string }; default: string | { default: string } }
  const path = node?.default ?? (typeof fallback === 'string' ? fallback : fallback.default)
  return [join(root, path.replace('./dist/', 'src/').replace(/\.js$/, '.ts'))]
}

function entryName(module: string): string {
  const [folder = '', file = ''] = module.split('/')
  if (folder === 'client') return 'holdfast'
  return ['', 'index'].includes(file) ? `holdfast-${folder}` : `holdfast-${folder}-${file}`
}

async function pagesOf(folder: string): Promise<Map<string, string>> {
  const names = await readdir(folder).catch(() => [])
  const pages = names.map(async (name) => [name, await readFile(join(folder, name), 'utf8')] as const)
  return new Map(await Promise.all(pages))
}

function withTables(page: string): string {
  return Object.entries(tables).reduce(
    (text, [name, table]) =>
      text.replace(
        new RegExp(`<!-- ${name} -->[\\s\\S]*?<!-- end -->`),
        () => `<!-- ${name} -->\n${table}<!-- end -->`,
      ),
    page,
  )
}

async function check(pages: Map<string, string>, limits: string): Promise<number> {
  const written = await pagesOf(referenceFolder)
  const names = new Set([...pages.keys(), ...written.keys()])
  const stale = [...names]
    .filter((name) => pages.get(name) !== written.get(name))
    .map((name) => `docs/reference/${name}`)
  if ((await readFile(limitsPage, 'utf8')) !== limits) stale.push('docs/guide/limits.md')
  if (stale.length === 0) {
    process.stdout.write(`reference: ${pages.size} pages, all as the code says\n`)
    return 0
  }
  process.stderr.write(`reference: out of date: ${stale.join(', ')}. Next: npm run reference\n`)
  return 1
}

process.exitCode = (await main()) ?? process.exitCode
