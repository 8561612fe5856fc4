// Imported before anything that holds a schema: the library's fast path would try to compile code, which the page's
// policy forbids.
import { z } from 'zod';

z.config({ jitless: true });
