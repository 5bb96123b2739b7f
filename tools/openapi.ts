// The command `npm run openapi`: writes openapi.json, the document of the HTTP API, as the server serves it.

import { writeFileSync } from 'node:fs'
import { openapi } from '../src/server/api/openapi.js'

writeFileSync(new URL('../openapi.json', import.meta.url), `${JSON.stringify(openapi, null, 2)}\n`)
