/** What `hermes init` writes: paths and texts. */
export const exampleFiles: readonly (readonly [path: string, text: string])[] = [
  [
    'manifests/cities.yaml',
    `# One data stream into one table. Change this file, or the data, and the table follows.
apiVersion: hermes/v1
kind: SourceDefinition
metadata:
  name: cities
spec:
  schedule: { every: 1m }
  file: { path: ../data/cities.csv }      # relative to the manifests directory
  table:
    name: cities
    primaryKey: [city]                    # rows with the same key are updated
    columns: { population: bigint, area_km2: numeric }   # the others are inferred

# A source over HTTP shares its address, credentials and limits with others through a Connection:
#
# ---
# apiVersion: hermes/v1
# kind: Connection
# metadata: { name: example }
# spec:
#   http:
#     url: https://api.example.com/v1
#     auth: { bearer: { token: "\${secrets.EXAMPLE_TOKEN}" } }   # HERMES_SECRET_EXAMPLE_TOKEN
#     rateLimit: { requests: 60, per: 1m }
# ---
# apiVersion: hermes/v1
# kind: SourceDefinition
# metadata: { name: orders }
# spec:
#   connection: example
#   schedule: { every: 15m }
#   http: { path: /orders, records: data }
#   table: { name: orders, primaryKey: [id] }
`,
  ],
  [
    'data/cities.csv',
    `city,country,population,area_km2,founded
Lisbon,PT,545796,100.05,
Nairobi,KE,4397073,696.1,1899-05-30
Quito,EC,2011388,372.39,1534-12-06
Reykjavik,IS,139875,244,1786-08-18
Wellington,NZ,212700,444,1840-01-22
`,
  ],
]
