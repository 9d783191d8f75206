import type { Connector, Context } from '../../src/stream/connector.ts'
import { configured, contextOf } from './opened.ts'

/** Opens any connector with a config as its schema allows it, defaults filled in. */
export function openConnector<T, Config>(
  connector: Connector<T, Config>,
  config: object,
  parts: Partial<Context> = {},
): Promise<T> {
  return connector.open(configured(connector.config, config) as Config, contextOf(parts))
}
