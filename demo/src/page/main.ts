// The demo's page: one session, one room on the screen, and buttons that break this tab's network for real.

import { connect } from 'holdfast'
import { bannerOf, show } from './banner.js'
import { page } from './elements.js'
import { MessageList } from './message-list.js'
import { showPeople } from './people.js'
import { RoomView, type RoomViewHost, type Unsettled } from './room-view.js'
import { keptName, keptRoom, rooms, tab } from './tab.js'

// Somebody is watching: try again sooner than an application of thousands should.
const session = connect(`/?tab=${tab}`, { reconnect: { maxMs: 3_000 } })

// The connection.

let hasBeenLive = false
let wasConnected = false
const counts = { drops: 0, replayed: 0, gaps: 0 }

function showConnection(): void {
  const banner = bannerOf(session.health, session.status, hasBeenLive)
  show(banner, page.banner)
  const isStale = banner.tone !== 'ok'
  page.people.dataset['stale'] = String(isStale)
  page.peopleStale.hidden = !isStale || page.people.childElementCount === 0
}

function showCounts(): void {
  page.counters.drops.textContent = String(counts.drops)
  page.counters.replayed.textContent = String(counts.replayed)
  page.counters.duplicates.textContent = String(session.stats.duplicates)
  page.counters.gaps.textContent = String(counts.gaps)
}

session.on('status', ({ state }) => {
  if (wasConnected && state !== 'connected') counts.drops += 1
  wasConnected = state === 'connected'
  showConnection()
  showCounts()
})
session.on('health', showConnection)
session.on('resume', ({ rooms: outcomes }) => {
  // After a reload the page starts empty: what it is given then is history, not what it missed.
  if (!hasBeenLive) return
  for (const outcome of outcomes.values()) if (outcome.kind === 'complete') counts.replayed += outcome.to - outcome.from
})
session.on('live', ({ session: id }) => {
  hasBeenLive = true
  page.storm.note.textContent = ''
  page.identity.textContent = `Session ${id}. It survives drops, and a reload of this tab.`
  showConnection()
  showCounts()
})
// The countdown to the next attempt.
setInterval(showConnection, 500)
page.banner.retry.addEventListener('click', () => session.retryNow())

// The room.

const host: RoomViewHost = {
  session,
  messages: new MessageList(page.messages),
  unsettled: new Map<string, Unsettled>(),
  myName: () => page.name.value.trim() || 'somebody',
  membersChanged(room) {
    const members = room.presence.state()
    showPeople(page.people, members, session.id)
    page.peopleCount.textContent = String(members.length)
  },
  gap() {
    counts.gaps += 1
    showCounts()
  },
}

page.name.value = keptName.read()
let view = enter(keptRoom.read())

function enter(name: string): RoomView {
  keptRoom.write(name)
  page.roomTitle.textContent = `Room ${name}`
  document.title = `${name} – Holdfast demo`
  page.people.replaceChildren()
  page.peopleCount.textContent = ''
  for (const button of page.rooms.querySelectorAll('button')) {
    button.setAttribute('aria-current', String(button.value === name))
  }
  return new RoomView(name, host)
}

page.rooms.append(
  ...rooms.map((name) => {
    const button = document.createElement('button')
    button.type = 'button'
    button.value = name
    button.textContent = name
    button.setAttribute('aria-current', String(name === keptRoom.read()))
    button.addEventListener('click', () => {
      if (name === keptRoom.read()) return
      view.leave()
      view = enter(name)
    })
    return button
  }),
)

page.nameForm.addEventListener('submit', (event) => {
  event.preventDefault()
  keptName.write(host.myName())
  page.name.value = host.myName()
  view.nameChanged()
  page.text.focus()
})

page.composer.addEventListener('submit', (event) => {
  event.preventDefault()
  const text = page.text.value.trim()
  if (text === '') return
  page.text.value = ''
  void view.send(text)
})

// The storm.

async function breakNetwork(kind: 'cut' | 'half-open', ms: number, note: string): Promise<void> {
  const body = JSON.stringify({ tab, ms })
  const headers = { 'content-type': 'application/json' }
  const answer = await fetch(`/break/${kind}`, { method: 'POST', headers, body }).catch(() => null)
  page.storm.note.textContent = answer?.ok === true ? note : 'The demo server could not be asked.'
}

page.storm.cut.addEventListener('click', () => {
  void breakNetwork('cut', 5_000, 'Cut: reset without a goodbye, and refused for 5 s. Write something meanwhile.')
})
page.storm.halfOpen.addEventListener('click', () => {
  const note = 'Half-open: the connection looks fine and carries nothing. The heartbeat finds out in about 8 s.'
  void breakNetwork('half-open', 60_000, note)
})
page.storm.reload.addEventListener('click', () => location.reload())
showConnection()
showCounts()
