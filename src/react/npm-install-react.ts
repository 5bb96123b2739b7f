// The one file that imports React: where that is missing, what Node and bundlers print ends in this file's name, and says
// what to type.

export {
  type ComponentType,
  createContext,
  createElement,
  type CSSProperties,
  type FunctionComponent,
  type ReactNode,
  useCallback,
  useContext,
  useEffect,
  useMemo,
  useRef,
  useState,
  useSyncExternalStore,
} from 'react'
