"""Every list of the back office as a file: what is filtered and searched now, all pages, as CSV or XLSX.

`columns` says what is in it (declared model by model: nothing gets into a file by being in the table), `reading` reads it in
batches, `csv_file` and `workbook` write it, `lists` hangs it on the pages, `places` bounds how many run at once.
"""
