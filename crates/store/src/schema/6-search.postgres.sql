UPDATE patron_request SET title = LOWER(COALESCE(document::jsonb #>> '{title,title}', ''));
