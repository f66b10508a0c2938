// Bundles the sources, for Node or for a page: Grafana's packages are written for bundlers and do not load
// in Node.
import { build } from 'esbuild';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const HERE = fileURLToPath(new URL('.', import.meta.url));

// What @grafana/data asks a browser for: storage events, and the language for dates.
const NO_BROWSER = `
globalThis.window ??= { addEventListener() {} };
globalThis.navigator ??= { languages: ['en-US'] };`;

/** Import a source in Node. */
export async function load(entry) {
    const folder = await mkdtemp(join(tmpdir(), 'render-'));
    try {
        const file = join(folder, 'bundle.mjs');
        await writeFile(file, (await bundle(entry, 'node')).js);
        return await import(pathToFileURL(file));
    } finally {
        await rm(folder, { recursive: true });
    }
}

/** Give the bundle of `entry`, a path below this folder, as `{ js, css }`. */
export async function bundle(entry, platform) {
    const forNode = platform === 'node';
    const { outputFiles } = await build({
        absWorkingDir: HERE,
        entryPoints: [entry],
        outdir: HERE, // names the outputs, nothing is written
        bundle: true,
        write: false,
        platform,
        format: forNode ? 'esm' : 'iife',
        mainFields: forNode ? ['module', 'main'] : ['browser', 'module', 'main'],
        banner: { js: forNode ? NO_BROWSER : '' },
        define: { 'process.env.NODE_ENV': '"production"' },
        jsx: 'automatic',
        external: ['*/ReactMonacoEditor.mjs'], // loaded on demand only, and half of the page
        logLevel: 'error',
        minify: !forNode,
    });
    const text = (kind) => outputFiles.find(({ path }) => path.endsWith(kind))?.text ?? '';
    return { js: text('.js'), css: text('.css') };
}
