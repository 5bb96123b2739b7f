// The server's rooms, judged by schemas; their types are what clients and hooks are checked against.

import { createServer, defineRooms } from 'holdfast/server'
import { z } from 'zod'

export const rooms = defineRooms({
  'chat/:id': {
    schema: {
      entry: z.object({ text: z.string().min(1).max(2_000) }),
      presence: z.object({ name: z.string().max(40) }),
    },
  },
})

export const startServer = (port: number) => createServer({ port, rooms, log: false })
