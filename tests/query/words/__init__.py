"""Words of queries: alias, dates, samples, locks, windows with names, rows of values, ANY and ALL, pages."""
