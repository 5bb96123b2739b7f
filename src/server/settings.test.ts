import { describe, expect, test } from 'vitest'
import { memoryStore } from '../store/memory.js'
import { guests } from './auth.js'
import { unknownVariables, wordsTable } from './environment.js'
import { OptionError } from './option-error.js'
import { resolveOptions, type ServerOptions } from './options.js'
import { engineSettings, envOf, readSettings, settingsHelp, settingsTable } from './settings.js'

describe('settings', () => {
  test('[SRV-8] what an option says comes before the environment, that before the default', () => {
    const env = { HOLDFAST_HEARTBEAT_MS: '5000', HOLDFAST_SLOW_MS: '7000', HOLDFAST_PORT: '' }
    expect(readSettings({ slowMs: 9_000 }, env)).toMatchObject({ heartbeatMs: 5_000, slowMs: 9_000, port: 7_400 })
  })

  for (const [env, names] of [
    [{ HOLDFAST_HEARTBEAT_MS: 'abc' }, /HOLDFAST_HEARTBEAT_MS must be a whole number from 100 .*"abc" came/],
    [{ HOLDFAST_HEARTBEAT_MS: '1e3' }, /HOLDFAST_HEARTBEAT_MS/],
    [{ HOLDFAST_HEARTBEAT_MS: '-5' }, /HOLDFAST_HEARTBEAT_MS/],
    [{ HOLDFAST_HEARTBEAT_MS: '5' }, /from 100/],
    [{ HOLDFAST_PORT: '70000' }, /HOLDFAST_PORT must be a whole number from 0 to 65535/],
  ] as const) {
    test(`[SRV-8] ${JSON.stringify(env)} is an error that names it`, () => {
      expect(() => readSettings({}, env)).toThrow(names)
    })
  }

  test('[SRV-8] an option that is wrong or unknown is named', () => {
    expect(() => readSettings({ roomsMax: 1.5 })).toThrow(/option roomsMax must be a whole number/)
    expect(() => readSettings({ nope: 1 } as object)).toThrow(/no setting nope/)
    expect(() => resolveOptions({ prot: 1 } as object)).toThrow(/no option prot/)
  })

  test('[SRV-8] every setting has a variable of its own, a default within its bounds and a line of help', () => {
    const help = settingsHelp()
    expect(new Set(settingsTable.map((row) => envOf(row.key))).size).toBe(settingsTable.length)
    for (const row of settingsTable) {
      expect(help).toContain(`${envOf(row.key)} `)
      expect(row.default).toBeGreaterThanOrEqual(row.min)
      expect(row.default).toBeLessThanOrEqual(row.max)
    }
    expect(engineSettings(readSettings({ roomsMax: 5 })).roomsPerSessionMax).toBe(5)
  })
})

describe('options', () => {
  const quiet = { log: false } as const

  test('[SRV-19] in development every room is open to guests; in production no room is until it is named', () => {
    expect(resolveOptions({ ...quiet, env: {} })).toMatchObject({ rooms: { '*': {} }, warnings: [] })
    const production = resolveOptions({ ...quiet, env: { NODE_ENV: 'production', HOLDFAST_ALLOW_GUESTS: 'true' } })
    expect(production.rooms).toEqual({})
    expect(production.origins.allowLocal).toBe(false)
    expect(production.warnings.join()).toMatch(/guest.*rooms.*memory store/)
  })

  test('[SRV-21] production without authenticate does not start, unless guests are allowed in so many words', () => {
    const env = { NODE_ENV: 'production' }
    expect(() => resolveOptions({ ...quiet, env })).toThrow(/authenticate: guests\(\)/)
    expect(() => resolveOptions({ ...quiet, env: { ...env, HOLDFAST_ALLOW_GUESTS: 'false' } })).toThrow(OptionError)
    expect(() => resolveOptions({ ...quiet, env: { ...env, HOLDFAST_ALLOW_GUESTS: 'yes' } })).toThrow(/true or false/)
    expect(resolveOptions({ ...quiet, env, authenticate: guests() }).warnings.join()).not.toMatch(/guest/)
  })

  test('[SRV-22] words of the environment are options too, and an option comes first', () => {
    const env = {
      HOLDFAST_ORIGINS: 'https://a.com, https://b.com',
      HOLDFAST_ALLOW_NO_ORIGIN: 'false',
      HOLDFAST_COOKIE: 't',
    }
    const told = resolveOptions({ ...quiet, env })
    expect(told.origins).toMatchObject({ origins: ['https://a.com', 'https://b.com'], allowNoOrigin: false })
    expect(told.cookie).toBe('t')
    const asked = resolveOptions({ ...quiet, env, origins: 'same-host', allowNoOrigin: true, cookie: 'u' })
    expect([asked.origins.origins, asked.origins.allowNoOrigin, asked.cookie]).toEqual(['same-host', true, 'u'])
    expect(() => resolveOptions({ ...quiet, env: { HOLDFAST_ORIGINS: 'a.com' } })).toThrow(/is no origin/)
    expect(() => resolveOptions({ ...quiet, env: { HOLDFAST_COOKIE: 'a b' } })).toThrow(/name of a cookie/)
  })

  test('[SRV-23] a data directory is an option, else a variable; another store counts instead of the variable', () => {
    const env = { HOLDFAST_DATA: './there' }
    expect(resolveOptions({ ...quiet, env })).toMatchObject({ data: './there', store: null, ownsStore: true })
    expect(resolveOptions({ ...quiet, env, data: './here' }).data).toBe('./here')
    const store = memoryStore()
    expect(resolveOptions({ ...quiet, env, store })).toMatchObject({ data: null, store, ownsStore: false })
    expect(() => resolveOptions({ ...quiet, env, store, data: './here' })).toThrow(/write one of them/)
    expect(() => resolveOptions({ ...quiet, env, data: ' ' })).toThrow(/must name a directory/)
  })

  test('[SRV-22] a misspelt variable is named at the start, with the one that was meant', () => {
    const env = { HOLDFAST_HEARTBEATMS: '5000', holdfast_port: '1', HOLDFAST_SOMETHING_ELSE: '', OTHER: '1' }
    const warnings = resolveOptions({ ...quiet, env }).warnings
    expect(warnings).toHaveLength(3)
    expect(warnings[0]).toMatch(/HOLDFAST_HEARTBEATMS .*did you mean HOLDFAST_HEARTBEAT_MS\?/)
    expect(warnings[1]).toMatch(/holdfast_port .*did you mean HOLDFAST_PORT\?/)
    expect(warnings[2]).toMatch(/HOLDFAST_SOMETHING_ELSE is not known and was ignored$/)
    expect(unknownVariables(Object.fromEntries(wordsTable.map(({ name }) => [name, '1'])))).toEqual([])
  })

  for (const [wrong, names] of [
    [{ heartbeat: { everyMS: 1 } }, /option heartbeat: there is no everyMS, only everyMs, timeoutMs/],
    [{ limits: { rooms: 1 } }, /option limits: there is no rooms/],
    [{ limits: null }, /option limits must be an object/],
    [{ authenticate: 'jwt' }, /option authenticate must be a function, but string came/],
    [{ authenticate: null }, /option authenticate must be a function, but null came/],
    [{ allowNoOrigin: 'yes' }, /option allowNoOrigin must be a boolean/],
  ] as const) {
    test(`[SRV-8] ${JSON.stringify(wrong)} is an error that names it`, () => {
      expect(() => resolveOptions({ ...quiet, env: {}, ...(wrong as unknown as ServerOptions) })).toThrow(names)
    })
  }

  test('[CLI-5] a heartbeat that proxies outlive is warned of', () => {
    const { warnings } = resolveOptions({ ...quiet, env: {}, heartbeat: { everyMs: 60_000 } })
    expect(warnings).toEqual([expect.stringContaining('60 s')])
  })

  test('[SRV-8] heartbeat and limits are settings under other names', () => {
    const options = { heartbeat: { everyMs: 5_000 }, limits: { roomsMax: 3 }, settings: { slowMs: 1_000 }, port: 0 }
    const { settings } = resolveOptions({ ...quiet, env: {}, ...options })
    expect(settings).toMatchObject({
      heartbeatMs: 5_000,
      heartbeatTimeoutMs: 10_000,
      roomsMax: 3,
      slowMs: 1_000,
      port: 0,
    })
  })
})
