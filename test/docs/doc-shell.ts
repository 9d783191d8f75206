import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'

/** What stands for the commands that a reader types: the bins themselves, without npm around them. */
const prelude = `
stop_service() {
  if [ -n "$service" ]; then kill "$service" 2>/dev/null; wait "$service"; fi
  service=
}
until_it_answers() {
  for _ in $(seq 100); do
    kill -0 "$service" 2>/dev/null || { echo 'error[ended]: the service is gone'; return 1; }
    status="$(node "$checkout/bin/hermes-status.js" 2>/dev/null)"
    sources="$(echo "$status" | grep '^SourceDefinition')"
    workflows="$(echo "$status" | grep '^Workflow')"
    [ -n "$sources" ] && ! echo "$sources" | grep -Evq ' ready +[1-9][0-9]* +[^ -]' && return 0
    [ -z "$sources" ] && [ -n "$workflows" ] && ! echo "$workflows" | grep -Evq ' ready .* [1-9][0-9,]* in' && return 0
    sleep 0.25
  done
}
npm() {
  case "$1" in
    ci) [ -f "$checkout/package.json" ] ;;
    start) stop_service; node bin/launch.js examples/quickstart/start.ts & service=$!; until_it_answers ;;
    *) node -e 'process.exit(JSON.parse(require("fs").readFileSync(process.argv[1])).scripts[process.argv[2]] ? 0 : 1)' \\
         "$checkout/package.json" "\${2:-$1}" ;;
  esac
}
npx() {
  command="$1"; shift
  if [ "$1" = serve ]; then
    stop_service; node "$checkout/bin/$command.js" "$@" & service=$!; until_it_answers
  else
    node "$checkout/bin/$command.js" "$@"
  fi
}
`

/** A shell that keeps its directory and variables from block to block, as a reader's terminal does. */
export class DocShell implements AsyncDisposable {
  readonly #shell: ChildProcess
  readonly #replace: ReadonlyMap<RegExp, string>
  #output = ''
  #wake: () => void = () => undefined
  #blocks = 0

  constructor(checkout: string, replace: ReadonlyMap<RegExp, string>) {
    const env = {
      ...process.env,
      checkout,
      service: '',
      NO_COLOR: '1',
      PATH: `${checkout}/node_modules/.bin:${process.env['PATH']}`,
    }
    this.#shell = spawn('bash', [], { cwd: checkout, env, stdio: ['pipe', 'pipe', 'pipe'] })
    this.#replace = replace
    for (const stream of [this.#shell.stdout, this.#shell.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#output += text
        this.#wake()
      })
    }
    this.#shell.on('exit', () => this.#wake())
    this.#shell.stdin?.write(prelude)
  }

  /** Everything the block prints. A hash to approve is the one that was printed last. */
  async run(commands: string): Promise<string> {
    const hash = [...this.#output.matchAll(/hermes approve ([0-9a-f]+)/g)].at(-1)?.[1] ?? 'none'
    const start = this.#output.length
    const end = `--- end of block ${(this.#blocks += 1)} ---`
    let text = commands.replaceAll(/(?<=hermes approve )[0-9a-f]+/g, hash)
    for (const [pattern, by] of this.#replace) text = text.replaceAll(pattern, by)
    this.#shell.stdin?.write(`${text}\necho; echo '${end}'\n`)
    while (!this.#output.includes(end, start)) {
      if (this.#shell.exitCode !== null) throw new Error(`the shell ended: ${this.#output.slice(start)}`)
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    return this.#output.slice(start, this.#output.indexOf(end, start))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#shell.stdin?.end('stop_service\n')
    if (this.#shell.exitCode === null) await once(this.#shell, 'exit')
  }
}
