import { createServer } from 'holdfast/server'

const server = await createServer({
  port: 7400,
  // Who comes with this token? Leave it out and everybody is a guest, known again by a key of his browser.
  // authenticate: async (token) => ({ user: await userOf(token) }),
  rooms: {
    'chat/:id': { canPublish: ({ data }) => typeof data === 'object' && data !== null && 'text' in data },
  },
})

server.on('drop', ({ user, reason }) => console.log(`${user} lost the connection (${reason}); the session is held`))
server.on('resume', ({ user, downMs }) => console.log(`${user} is back after ${downMs} ms`))
server.on('leave', ({ user, reason }) => console.log(`${user} is gone (${reason})`))

await server.room('chat/42').publish({ text: 'The server says hello.' })
