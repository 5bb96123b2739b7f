import { describe, expect, test } from 'vitest'
import { resolveOptions } from './options.js'
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
    const production = resolveOptions({ ...quiet, env: { NODE_ENV: 'production' } })
    expect(production.rooms).toEqual({})
    expect(production.origins.allowLocal).toBe(false)
    expect(production.warnings.join()).toMatch(/guest.*rooms.*memory store/)
  })

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
