#!/usr/bin/env node
import { entry, launch } from './launch.js'

await launch(entry('main'), process.argv.slice(2))
