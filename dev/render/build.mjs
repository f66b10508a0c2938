// Bundles the sources for Node or a page, because Grafana's packages need a bundler.
import { build } from 'esbuild';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const HERE = fileURLToPath(new URL('.', import.meta.url));

// Browser features that @grafana/data uses: storage events, and the language of dates.
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

/** Return the bundle of `entry`, a path below this folder, as `{ js, css }`. */
export async function bundle(entry, platform) {
    const forNode = platform === 'node';
    const { outputFiles } = await build({
        absWorkingDir: HERE,
        entryPoints: [entry],
        outdir: HERE, // names the outputs; nothing is written
        bundle: true,
        write: false,
        platform,
        format: forNode ? 'esm' : 'iife',
        mainFields: forNode ? ['module', 'main'] : ['browser', 'module', 'main'],
        banner: { js: forNode ? NO_BROWSER : '' },
        define: { 'process.env.NODE_ENV': '"production"' },
        jsx: 'automatic',
        external: ['*/ReactMonacoEditor.mjs'], // loaded on demand, and half of the page's size
        logLevel: 'error',
        minify: !forNode,
    });
    const text = (kind) => outputFiles.find(({ path }) => path.endsWith(kind))?.text ?? '';
    return { js: text('.js'), css: text('.css') };
}
