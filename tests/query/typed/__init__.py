"""What type every expression gives: samples, the page that is written from them, and the server's word on each."""
