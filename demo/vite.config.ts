import { defineConfig } from 'vite'

export default defineConfig({
  build: {
    outDir: 'dist',
    target: 'es2022',
    sourcemap: true,
    // The page is small and has one chunk: no preload polyfill, no inlined assets (the page's policy forbids data:).
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
  },
})
