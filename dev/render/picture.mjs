// Draws a dashboard as a PNG with data from Prometheus; see README.md.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { bundle, load } from './build.mjs';
import { screenshot } from './chromium.mjs';

const FONT = new URL(
    'node_modules/@fontsource-variable/inter/files/inter-latin-wght-normal.woff2',
    import.meta.url,
);

const OPTIONS = {
    dashboard: { type: 'string' },
    prometheus: { type: 'string' },
    output: { type: 'string' },
    var: { type: 'string', multiple: true, default: [] },
    from: { type: 'string', default: 'now-24h' },
    to: { type: 'string', default: 'now' },
    width: { type: 'string', default: '1400' },
    theme: { type: 'string', default: 'dark' },
    rows: { type: 'string' },
    height: { type: 'string' },
    scale: { type: 'string', default: '1' },
};

async function main() {
    const options = arguments_();
    const { collect, pageHeight, GRID } = await load('src/tools.js');
    const dashboard = JSON.parse(await readFile(options.dashboard, 'utf8'));
    const data = await collect(dashboard, options);
    const height = Math.min(options.height, pageHeight(data.panels, options.width));
    const page = { ...data, theme: options.theme, width: options.width, margin: GRID.margin };
    await writeFile(options.output, await photograph(page, { ...options, height }));
}

function arguments_() {
    const { values } = parseArgs({ options: OPTIONS });
    const missing = ['dashboard', 'prometheus', 'output'].find((name) => !values[name]);
    if (missing) {
        throw new Error(`--${missing} is missing`);
    }
    const chosen = {};
    for (const pair of values.var) {
        const [name, ...value] = pair.split('=');
        chosen[name] = [...(chosen[name] ?? []), value.join('=')];
    }
    return {
        ...values,
        chosen,
        prometheus: values.prometheus.replace(/\/$/, ''),
        width: Number(values.width),
        scale: Number(values.scale),
        rows: values.rows ? Number(values.rows) : undefined,
        height: values.height ? Number(values.height) : Infinity,
    };
}

async function photograph(page, size) {
    const folder = await mkdtemp(join(tmpdir(), 'render-'));
    try {
        const file = join(folder, 'page.html');
        await writeFile(file, await html(page));
        return await screenshot(pathToFileURL(file).href, size);
    } finally {
        await rm(folder, { recursive: true });
    }
}

async function html(page) {
    const { js, css } = await bundle('src/page.jsx', 'browser');
    const font = (await readFile(FONT)).toString('base64');
    const data = JSON.stringify(page).replaceAll('<', '\\u003c');
    // After the head, because Grafana adds font faces of the same name there, with URLs that do not exist here.
    return `<!doctype html><meta charset="utf-8"><style>${css} body { margin: 0 }</style><body>
<style>
@font-face { font-family: Inter; font-weight: 100 900; src: url(data:font/woff2;base64,${font}) }
</style>
<div id="page"></div>
<script id="data" type="application/json">${data}</script>
<script>${js.replaceAll('</script', '<\\/script')}</script>`;
}

main().catch((error) => {
    process.stderr.write(`picture: ${error.message}\n`);
    process.exitCode = 1;
});
