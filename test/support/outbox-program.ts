// A program for tests that is killed and started again: it says each text that it is told to, and keeps what is not
// settled in a folder. It tells over IPC that it is ready, and the state and mark of each publish.

import { connect, fileStorage } from 'holdfast'

const [url = '', file = ''] = process.argv.slice(2)
const session = connect(url, { storage: fileStorage(file), reconnect: { minMs: 50, maxMs: 200 } })
const room = session.join('kelp')

session.on('publish', ({ mark, state }) => process.send?.({ mark, state }))
process.on('message', (text: string) => {
  void room.publish(text, { mark: text })
})
process.send?.({ mark: '', state: 'ready' })
