import { Option } from 'commander'
import { HermesError } from '../../errors.ts'
import { TAP_RATE, type TapOptions, type TapSample } from '../../service/tap-api.ts'
import { formatCount, printable } from '../display.ts'
import { type Output } from '../environment.ts'
import { interruptible } from '../interruptible.ts'
import { painter } from '../paint.ts'
import { outputOption } from '../print.ts'
import { requireService } from '../reach.ts'
import type { Verb } from '../verb.ts'

/** `hermes tap WORKFLOW`: live messages, sampled, until interrupted. Throws `service_absent` without a service. */
export const tap: Verb = {
  define: (command) =>
    command
      .argument('<workflow>', 'name of a workflow')
      .option('--at <node>', 'where: source, validate, steps[0], or the name of a sink', 'source')
      .addOption(new Option('-n, --count <COUNT>', 'end after so many messages').argParser(Number))
      .addOption(
        new Option('--rate <PER_SECOND>', `so many a second at most, up to ${TAP_RATE.most}`)
          .default(TAP_RATE.standard)
          .argParser(Number),
      )
      .addOption(outputOption(['text', 'json'])),
  examples: [
    ['hermes tap prices', 'what the source gives, ten messages a second at most'],
    ['hermes tap prices --at steps[1] -n 5', 'five messages as the second step left them'],
    ['hermes tap prices --at archive -o json', 'what a sink took, a line of JSON each'],
  ],
  run: async ({ args: [workflow = ''], environment, options, config }) => {
    const asked = tapOptions(options)
    const api = await requireService(config(), 'it alone has live messages')
    const { stdout } = environment
    const render = options.output === 'json' ? (sample: TapSample) => `${JSON.stringify(sample)}\n` : rendered(stdout)
    await interruptible(environment, async (signal) => {
      const name = workflow.replace(/^workflow\//i, '')
      for await (const sample of await api.tap(name, asked, signal)) stdout.write(render(sample))
    })
    return undefined
  },
}

function tapOptions({ at, count, rate }: Readonly<Record<string, unknown>>): TapOptions {
  const perSecond = wholeNumber('rate', Number(rate))
  if (perSecond > TAP_RATE.most) throw new HermesError('usage', `--rate is ${perSecond}; ${TAP_RATE.most} at most`)
  return { at: String(at), perSecond, ...(count === undefined ? {} : { count: wholeNumber('count', Number(count)) }) }
}

function wholeNumber(option: string, value: number): number {
  if (Number.isInteger(value) && value > 0) return value
  throw new HermesError('usage', `--${option} is ${value}; it must be a whole number above 0`)
}

/** `12:30:01.250 key=AAPL {"id":1,…} (+120)`: the last are messages that are not shown before it. */
function rendered(output: Output): (sample: TapSample) => string {
  const paint = painter(output)
  return ({ at, key, route, payload, bytes, isCut, skipped }) => {
    const about = Object.entries({ key, route }).flatMap(([name, value]) =>
      value === undefined ? [] : [`${name}=${value}`],
    )
    const missed = skipped === 0 ? '' : paint('dim', ` (+${formatCount(skipped, true)} before)`)
    const cut = isCut ? paint('dim', `… ${formatCount(bytes, true)} bytes`) : ''
    const head = [at.slice(11, 23), ...about].map((each) => `${printable(each)} `).join('')
    return `${paint('dim', head)}${printable(payload)}${cut}${missed}\n`
  }
}
