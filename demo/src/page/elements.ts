// The page's elements by their ids, with the types the program relies on.

function element<Type extends HTMLElement>(id: string, type: new () => Type): Type {
  const found = document.getElementById(id)
  if (!(found instanceof type)) throw new Error(`index.html has no ${type.name} with the id ${id}`)
  return found
}

export const page = {
  nameForm: element('name-form', HTMLFormElement),
  name: element('name', HTMLInputElement),
  banner: {
    bar: element('banner', HTMLElement),
    title: element('banner-title', HTMLElement),
    detail: element('banner-detail', HTMLElement),
    retry: element('retry', HTMLButtonElement),
  },
  roomTitle: element('room-title', HTMLElement),
  rooms: element('rooms', HTMLElement),
  messages: {
    scroller: element('scroll', HTMLElement),
    list: element('log', HTMLElement),
    empty: element('empty', HTMLElement),
  },
  composer: element('composer', HTMLFormElement),
  text: element('text', HTMLInputElement),
  people: element('people', HTMLElement),
  peopleCount: element('people-count', HTMLElement),
  peopleStale: element('people-stale', HTMLElement),
  storm: {
    cut: element('cut', HTMLButtonElement),
    halfOpen: element('half-open', HTMLButtonElement),
    reload: element('reload', HTMLButtonElement),
    note: element('storm-note', HTMLElement),
  },
  counters: {
    drops: element('drops', HTMLElement),
    replayed: element('replayed', HTMLElement),
    duplicates: element('duplicates', HTMLElement),
    gaps: element('gaps', HTMLElement),
  },
  identity: element('identity', HTMLElement),
}
