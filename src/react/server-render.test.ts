// The hooks where there is no browser: on a server that renders pages. And the example of the guide, which is rendered.

import { fileURLToPath } from 'node:url'
import { build, type BuildFailure, type Plugin } from 'esbuild'
import { createElement } from 'react'
import { renderToString } from 'react-dom/server'
import { expect, test } from 'vitest'
import { App } from '../../examples/react.js'
import { startServer } from '../../examples/typed-rooms.js'
import { connect } from '../client/node.js'
import { HoldfastProvider, useConnection, useMessages } from './index.js'

test('[REACT-8] on a server everything is pending, nothing is asked for and nothing is dialled', () => {
  const asked: string[] = []
  const token = async () => {
    asked.push('token')
    return 'x'
  }
  const html = renderToString(createElement(App, { url: 'ws://127.0.0.1:1', token }))
  expect(html).toContain('Loading …')
  expect(html).toContain('role="status"')
  expect(asked).toEqual([])
})

test('[REACT-8] it renders the same with a session that is there already', () => {
  const session = connect('ws://127.0.0.1:1', { reconnect: false })
  const seen: unknown[] = []
  function Probe() {
    seen.push(useConnection().data.health, useMessages('r'))
    return null
  }
  renderToString(createElement(HoldfastProvider, { session }, createElement(Probe)))
  session.close()
  expect(seen).toMatchObject([
    'connecting',
    { data: [], status: 'pending', isPending: true, isPaused: true, error: null },
  ])
})

test('[REACT-8] a hook outside a provider says what is missing', () => {
  function Lost() {
    useConnection()
    return null
  }
  expect(() => renderToString(createElement(Lost))).toThrow('<HoldfastProvider')
})

test('[SCHEMA-2] the server of the example refuses what does not fit, and tells where', async () => {
  const server = await startServer(0)
  const session = connect(`ws://127.0.0.1:${server.port}`)
  const room = session.join('chat/1')
  expect(await room.publish({ text: 'hi' })).toMatchObject({ kind: 'kept' })
  const refused = await room.publish({ text: '' })
  expect(refused).toMatchObject({ kind: 'failed', reason: 'invalid', issues: [{ path: ['text'] }] })
  session.close()
  await server.close()
})

test('[REACT-10] without React, the file that cannot find it is called npm-install-react, and it is the only one', async () => {
  const entryPoints = [fileURLToPath(new URL('./index.ts', import.meta.url))]
  const missing: Plugin = {
    name: 'no-react',
    setup: ({ onResolve }) => onResolve({ filter: /^react/ }, () => ({ errors: [{ text: 'not installed' }] })),
  }
  const failed = build({ entryPoints, bundle: true, write: false, logLevel: 'silent', plugins: [missing] })
  const { errors } = await failed.then(
    () => ({ errors: [] }),
    (error: BuildFailure) => error,
  )
  const files = errors.map(({ location }) => location?.file ?? '')
  expect(new Set(files.map((file) => file.split('/').at(-1)))).toEqual(new Set(['npm-install-react.ts']))
})
