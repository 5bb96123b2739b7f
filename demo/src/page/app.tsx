// The page: one person, or two beside each other for a visitor who is alone.

import { useState } from 'react'
import { keptBeside, people } from './kept.js'
import { Person } from './person.js'

export function App() {
  const [isBeside, setBeside] = useState(keptBeside.read)
  const choose = (next: boolean) => {
    keptBeside.write(next)
    setBeside(next)
  }
  const shown = isBeside ? people : people.slice(0, 1)
  return (
    <>
      <a className="skip" href="#text-ann">
        Skip to the message box
      </a>
      <header className="top">
        <div className="brand">
          <img src="/holdfast.svg" alt="" width="28" height="28" />
          <h1>Holdfast</h1>
          <p className="tagline">Connections drop; sessions hold.</p>
        </div>
        <fieldset className="switch">
          <legend className="visually-hidden">How many people on this screen</legend>
          <button type="button" className="quiet" aria-pressed={!isBeside} onClick={() => choose(false)}>
            Just me
          </button>
          <button type="button" className="quiet" aria-pressed={isBeside} onClick={() => choose(true)}>
            Two people
          </button>
        </fieldset>
      </header>
      <main className="stage" data-people={shown.length}>
        {shown.map((person) => (
          <Person key={person} person={person} />
        ))}
      </main>
    </>
  )
}
