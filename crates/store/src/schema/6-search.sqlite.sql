UPDATE patron_request SET title = LOWER(COALESCE(json_extract(document, '$.title.title'), ''));
