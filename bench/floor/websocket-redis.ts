// The floor of websocket-redis: each message of a WebSocket is published as it came; nothing else.
import { Redis } from 'ioredis'
import { WebSocket } from 'ws'

const [from = '', to = '', channel = ''] = process.argv.slice(2)
const redis = new Redis(to)
const socket = new WebSocket(from)
socket.on('message', (data) => void redis.publish(channel, data as Buffer))
console.log(JSON.stringify({}))
process.on('disconnect', () => process.exit(0))
