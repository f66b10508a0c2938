// Prints what Grafana shows for panels and query responses; see README.md.
import { text } from 'node:stream/consumers';
import { parseArgs } from 'node:util';
import { load } from './build.mjs';

async function main() {
    const { values } = parseArgs({ options: { theme: { type: 'string', default: 'dark' } } });
    const { display } = await load('src/display.js');
    const shown = await display(parse(await text(process.stdin)), values.theme);
    process.stdout.write(`${JSON.stringify(shown, null, 1)}\n`);
}

function parse(input) {
    try {
        return JSON.parse(input);
    } catch (error) {
        throw new Error(`the input is not JSON: ${error.message.split('\n')[0]}`, { cause: error });
    }
}

main().catch((error) => {
    process.stderr.write(`display: ${error.message}\n`);
    process.exitCode = 1;
});
