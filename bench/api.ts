// The loopback API of the fetch benches, in its own process: pages of records rendered once, served as bytes.
// Prints its URL as one JSON line, answers `GET /records?page=N`, `GET /first` and `POST /reset`, and ends with its parent.
import { createServer } from 'node:http'
import { record } from './records.ts'

const records = Number(process.argv[2])
const size = Number(process.argv[3])
const pages = Array.from({ length: Math.ceil(records / size) }, (_unused, page) => {
  const from = page * size
  const list = Array.from({ length: Math.min(size, records - from) }, (_none, index) => record(from + index))
  return Buffer.from(JSON.stringify({ records: list }))
})
const nothing = Buffer.from('{"records":[]}')
let first: number | undefined

const server = createServer((request, response) => {
  const url = new URL(request.url ?? '/', 'http://loopback')
  if (url.pathname === '/first') {
    response.end(JSON.stringify({ first }))
    return
  }
  if (url.pathname === '/reset') {
    first = undefined
    response.end('{}')
    return
  }
  first ??= Date.now()
  const body = pages[Number(url.searchParams.get('page') ?? 1) - 1] ?? nothing
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length })
  response.end(body)
})

server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  const port = address !== null && typeof address === 'object' ? address.port : 0
  const bytes = pages.reduce((sum, page) => sum + page.length, 0)
  console.log(JSON.stringify({ url: `http://127.0.0.1:${port}`, bytesPerRecord: bytes / records }))
})
process.on('disconnect', () => process.exit(0))
